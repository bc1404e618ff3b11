"""The folded scorer against the ranker that was trained and against the formula written out naively."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from homefeed.artifacts.processed import Interactions
from homefeed.features.encoder import EncodedTable, NumberScale, Vocabulary, encode
from homefeed.features.entities import EntityTable
from homefeed.models.deepfm import DeepFM
from homefeed.models.factors import Factors, no_factors
from homefeed.models.folded import FoldedRanker
from homefeed.models.inputs import Inputs, SideInput
from homefeed.models.lookup import one_row
from homefeed.models.mix import Mix
from homefeed.models.weights import ModelWeights
from homefeed.training.rank_rows import Ranker, RankRows

MAP_SIZE, DIM = 60, 5
N_USER_FIELDS, N_ITEM_FIELDS = 3, 4
N_FIELDS = N_USER_FIELDS + N_ITEM_FIELDS
N_DENSE, N_TASTES = 4 + 2, 6
MIX = {"deep": 0.7, "factors": 0.45, "intercept": -0.3}
CONFIG = {"hotness_mean": 0.4, "hotness_std": 0.7, "mix": MIX}


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture(scope="module")
def vocabulary(rng: np.random.Generator) -> Vocabulary:
    return Vocabulary.from_counts(rng.integers(0, 6, MAP_SIZE + 1), N_FIELDS, min_count=3)


def side(rng: np.random.Generator, n: int, n_columns: int, n_bags: int, n_numbers: int, vocabulary: Vocabulary, first_field: int) -> EncodedTable:
    slots = rng.integers(0, MAP_SIZE + 1, (n, n_columns)).astype(np.int32)
    bags = {f"b{i}": np.sort(rng.integers(0, MAP_SIZE + 1, (n, 4)) * rng.integers(0, 2, (n, 4)))[:, ::-1].astype(np.int32) for i in range(n_bags)}
    numbers = np.where(rng.random((n, n_numbers)) < 0.3, np.nan, rng.normal(size=(n, n_numbers))).astype(np.float32)
    return encode(EntityTable([""] * n, slots, bags, numbers), vocabulary, NumberScale.fit(numbers), first_field)


@pytest.fixture(scope="module")
def users(rng: np.random.Generator, vocabulary: Vocabulary) -> EncodedTable:
    return side(rng, 30, 2, 1, 2, vocabulary, 0)


@pytest.fixture(scope="module")
def items(rng: np.random.Generator, vocabulary: Vocabulary) -> EncodedTable:
    return side(rng, 50, 2, 2, 1, vocabulary, N_USER_FIELDS)


@pytest.fixture(scope="module")
def hotness(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return rng.gamma(1.0, 2.0, 50).astype(np.float32)


def ranker(vocabulary: Vocabulary, hidden: tuple[int, ...] = (8,)) -> ModelWeights:
    """Random weights in both of its parts, in every row but the one that pads."""
    torch.manual_seed(3)
    model = DeepFM(vocabulary, DIM, hidden, n_dense=N_DENSE + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.4)
        model.embedding.weight[vocabulary.padding] = 0
        model.linear.weight[vocabulary.padding] = 0
    rng = np.random.default_rng(11)
    values, numbers, bias = (rng.normal(0, 0.4, shape).astype(np.float32) for shape in ((vocabulary.size, 1 + N_TASTES), (N_DENSE, 1 + N_TASTES), 2))
    values[vocabulary.padding] = 0
    scale = NumberScale(np.zeros(2, np.float32), np.ones(2, np.float32))
    deep = model.eval().to_weights(vocabulary, scale, scale, CONFIG)
    return replace(deep, arrays=dict(deep.arrays) | Factors(values, numbers, bias).arrays())


def changed(weights: ModelWeights, **arrays: npt.NDArray[np.float32]) -> ModelWeights:
    return replace(weights, arrays=dict(weights.arrays) | {name.replace("__", "."): array for name, array in arrays.items()})


@pytest.mark.parametrize("hidden", [(16, 8), (8,), (), (12, 12, 4)])
def test_folded_scores_equal_the_ranker_that_was_trained(
    hidden: tuple[int, ...], vocabulary: Vocabulary, users: EncodedTable, items: EncodedTable, hotness: npt.NDArray[np.float32]
) -> None:
    weights = ranker(vocabulary, hidden)
    inputs = Inputs(vocabulary, weights.user_scale, weights.item_scale, SideInput(users, 0), SideInput(items, N_USER_FIELDS))
    trained = Ranker(DeepFM.from_weights(weights), Factors.of(weights.arrays), inputs)
    assert (users.fields[:, 0] == 0).any() and (items.fields[:, 0] == N_USER_FIELDS).any(), "unknown ids are among them"  # noqa: PT018
    user, item = (pair.reshape(-1).astype(np.int32) for pair in np.meshgrid(np.arange(len(users)), np.arange(len(items)), indexing="ij"))
    nothing = np.zeros(len(user), np.float32)
    rows = Interactions(np.zeros(len(user), np.int64), user, item, nothing, nothing + 1, hotness[item], np.zeros(len(user), np.bool_))
    expected = trained.p_click(RankRows(rows, 0.4, 0.7), Mix.of(CONFIG)).reshape(len(users), len(items))
    folded = FoldedRanker.fold(weights, items, hotness)
    got = [folded.score(folded.user_part(one_row(users, row)), np.arange(len(items), dtype=np.int32)) for row in range(len(users))]
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert expected.std() > 0.1


def test_folded_logit_equals_the_formula_pair_by_pair(
    vocabulary: Vocabulary, users: EncodedTable, items: EncodedTable, hotness: npt.NDArray[np.float32]
) -> None:
    weights = ranker(vocabulary, (16, 8))
    folded = FoldedRanker.fold(weights, items, hotness)
    for user_row, item_row in [(0, 0), (3, 7), (29, 49)]:
        user, item, heat = one_row(users, user_row), one_row(items, item_row), float((np.log1p(hotness[item_row]) - 0.4) / 0.7)
        expected = -0.3 + 0.7 * naive_deepfm(weights, user, item, heat) + 0.45 * naive_factors(weights, user, item, heat)
        got = folded.logits(folded.user_part(user), np.array([item_row], np.int32))
        assert got[0] == pytest.approx(expected, abs=1e-4)


def values_of(weights: ModelWeights, side: EncodedTable) -> list[list[int]]:
    """Rows of the model's table, field by field, without padding."""
    groups = [[int(r)] for r in side.fields[0]] + [list(bag[0]) for bag in side.bags]
    return [[r for r in group if r != weights.vocabulary.padding] for group in groups]


def naive_deepfm(weights: ModelWeights, user: EncodedTable, item: EncodedTable, heat: float) -> float:
    arrays: dict[str, Any] = {name: array.astype(np.float64) for name, array in weights.arrays.items()}
    groups = values_of(weights, user) + values_of(weights, item)
    vectors = [arrays["embedding"][group].mean(0) for group in groups]
    dense = np.concatenate([user.dense[0], item.dense[0], [heat]])
    logit = arrays["bias"][0] + sum(arrays["linear"][group].mean() for group in groups) + arrays["dense_linear"] @ dense
    logit += sum(vectors[i] @ vectors[j] for i in range(len(vectors)) for j in range(i))
    x = np.concatenate([*vectors, dense])
    for k in range(3):
        x = arrays[f"mlp.{k}.weight"] @ x + arrays[f"mlp.{k}.bias"]
        x = np.maximum(x, 0) if k < 2 else x
    return float(logit + x[0])


def naive_factors(weights: ModelWeights, user: EncodedTable, item: EncodedTable, heat: float) -> float:
    values, numbers, bias = (weights.arrays[f"factors.{name}"].astype(np.float64) for name in ("values", "numbers", "bias"))
    u = sum(values[group].mean(0) for group in values_of(weights, user)) + user.dense[0] @ numbers[:4]
    i = sum(values[group].mean(0) for group in values_of(weights, item)) + item.dense[0] @ numbers[4:]
    return float(bias[0] + bias[1] * heat + u[0] + i[0] + u[1:] @ i[1:])


def test_a_part_that_counts_nothing_changes_no_score(
    vocabulary: Vocabulary, users: EncodedTable, items: EncodedTable, hotness: npt.NDArray[np.float32]
) -> None:
    weights = ranker(vocabulary)
    alone = replace(weights, config=CONFIG | {"mix": {"deep": 1.0, "factors": 0.0, "intercept": 0.0}})
    without = replace(alone, arrays=dict(weights.arrays) | no_factors(vocabulary.size, N_DENSE).arrays())
    rows, user = np.arange(len(items), dtype=np.int32), one_row(users, 3)
    one, other = (folded.score(folded.user_part(user), rows) for folded in (FoldedRanker.fold(w, items, hotness) for w in (alone, without)))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_extreme_logits_stay_probabilities(vocabulary: Vocabulary, users: EncodedTable, items: EncodedTable, hotness: npt.NDArray[np.float32]) -> None:
    wild = changed(ranker(vocabulary), bias=np.array([-5000.0], np.float32))
    folded = FoldedRanker.fold(wild, items, hotness)
    scores = folded.score(folded.user_part(one_row(users, 1)), np.arange(9, dtype=np.int32))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_weights_of_another_shape_or_without_numbers_are_refused(vocabulary: Vocabulary, items: EncodedTable, hotness: npt.NDArray[np.float32]) -> None:
    weights = ranker(vocabulary)
    nan = np.array([np.nan], np.float32)
    for bad in (
        changed(weights, mlp__0__weight=weights.arrays["mlp.0.weight"][:, :-3]),
        changed(weights, bias=nan),
        changed(weights, factors__bias=np.array([np.nan, 0], np.float32)),
        changed(weights, factors__values=weights.arrays["factors.values"][:-1]),
        changed(weights, factors__numbers=weights.arrays["factors.numbers"][:-1]),
    ):
        with pytest.raises(ValueError, match="ranker"):
            FoldedRanker.fold(bad, items, hotness)


@pytest.mark.parametrize("mix", [None, {}, {"deep": float("nan"), "factors": 0.0, "intercept": 0.0}, {"deep": -1.0, "factors": 0.0, "intercept": 0.0}])
def test_a_ranker_without_a_sound_mix_is_refused(mix: Any, vocabulary: Vocabulary, items: EncodedTable, hotness: npt.NDArray[np.float32]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        FoldedRanker.fold(replace(ranker(vocabulary), config=CONFIG | {"mix": mix}), items, hotness)
