"""The folded scorer against the torch model and against the formula written out naively."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from homefeed.features.encoder import EncodedTable, NumberScale, Vocabulary, encode
from homefeed.features.entities import EntityTable
from homefeed.models.deepfm import DeepFM
from homefeed.models.folded import FoldedDeepFM
from homefeed.models.layers import SideInput
from homefeed.models.lookup import one_row
from homefeed.models.weights import ModelWeights

MAP_SIZE, DIM = 60, 5
N_USER_FIELDS, N_ITEM_FIELDS = 3, 4
N_FIELDS = N_USER_FIELDS + N_ITEM_FIELDS
HOTNESS = {"hotness_mean": 0.4, "hotness_std": 0.7}


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


def deepfm(vocabulary: Vocabulary, hidden: tuple[int, ...]) -> tuple[DeepFM, ModelWeights]:
    torch.manual_seed(3)
    model = DeepFM(vocabulary, DIM, hidden, n_dense=4 + 2 + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.4)
        model.embedding.weight[vocabulary.padding] = 0
        model.linear.weight[vocabulary.padding] = 0
    scale = NumberScale(np.zeros(2, np.float32), np.ones(2, np.float32))
    return model.eval(), model.to_weights(vocabulary, scale, scale, HOTNESS)


@pytest.mark.parametrize("hidden", [(16, 8), (8,), (), (12, 12, 4)])
def test_folded_scores_equal_the_torch_model(
    hidden: tuple[int, ...], vocabulary: Vocabulary, users: EncodedTable, items: EncodedTable, hotness: npt.NDArray[np.float32]
) -> None:
    model, weights = deepfm(vocabulary, hidden)
    folded = FoldedDeepFM.fold(weights, items, hotness)
    rows = np.arange(len(items), dtype=np.int32)
    feature = torch.from_numpy((np.log1p(hotness) - 0.4) / np.float32(0.7))
    for row in range(len(users)):
        user = SideInput(users, 0).rows(torch.full((len(items),), row))
        with torch.no_grad():
            expected = torch.sigmoid(model(user, SideInput(items, N_USER_FIELDS), feature)).numpy()
        np.testing.assert_allclose(folded.score(folded.user_part(one_row(users, row)), rows), expected, atol=1e-5)


def test_folded_logit_equals_the_formula_pair_by_pair(
    vocabulary: Vocabulary, users: EncodedTable, items: EncodedTable, hotness: npt.NDArray[np.float32]
) -> None:
    _, weights = deepfm(vocabulary, (16, 8))
    folded = FoldedDeepFM.fold(weights, items, hotness)
    for user_row, item_row in [(0, 0), (3, 7), (29, 49)]:
        expected = naive_logit(weights, one_row(users, user_row), one_row(items, item_row), float(hotness[item_row]))
        got = folded.logits(folded.user_part(one_row(users, user_row)), np.array([item_row], np.int32))
        assert got[0] == pytest.approx(expected, abs=1e-4)


def naive_logit(weights: ModelWeights, user: EncodedTable, item: EncodedTable, hotness: float) -> float:
    arrays: dict[str, Any] = {name: array.astype(np.float64) for name, array in weights.arrays.items()}
    groups = [[int(r)] for r in user.fields[0]] + [list(bag[0]) for bag in user.bags] + [[int(r)] for r in item.fields[0]] + [list(bag[0]) for bag in item.bags]
    groups = [[r for r in group if r != weights.vocabulary.padding] for group in groups]
    vectors = [arrays["embedding"][group].mean(0) for group in groups]
    dense = np.concatenate([user.dense[0], item.dense[0], [(np.log1p(hotness) - 0.4) / 0.7]])
    logit = arrays["bias"][0] + sum(arrays["linear"][group].mean() for group in groups) + arrays["dense_linear"] @ dense
    logit += sum(vectors[i] @ vectors[j] for i in range(len(vectors)) for j in range(i))
    x = np.concatenate([*vectors, dense])
    for k in range(3):
        x = arrays[f"mlp.{k}.weight"] @ x + arrays[f"mlp.{k}.bias"]
        x = np.maximum(x, 0) if k < 2 else x
    return float(logit + x[0])


def test_extreme_logits_stay_probabilities(vocabulary: Vocabulary, users: EncodedTable, items: EncodedTable, hotness: npt.NDArray[np.float32]) -> None:
    _, weights = deepfm(vocabulary, (8,))
    wild = ModelWeights("deepfm", dict(weights.arrays) | {"bias": np.array([-5000.0], np.float32)}, vocabulary, weights.user_scale, weights.item_scale, HOTNESS)
    folded = FoldedDeepFM.fold(wild, items, hotness)
    scores = folded.score(folded.user_part(one_row(users, 1)), np.arange(9, dtype=np.int32))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_weights_of_another_shape_or_without_numbers_are_refused(vocabulary: Vocabulary, items: EncodedTable, hotness: npt.NDArray[np.float32]) -> None:
    _, weights = deepfm(vocabulary, (8,))
    broken = {
        "mlp.0.weight": weights.arrays["mlp.0.weight"][:, :-3],
        "bias": np.array([np.nan], np.float32),
    }
    for name, array in broken.items():
        bad = ModelWeights("deepfm", dict(weights.arrays) | {name: array}, vocabulary, weights.user_scale, weights.item_scale, HOTNESS)
        with pytest.raises(ValueError, match="ranker"):
            FoldedDeepFM.fold(bad, items, hotness)
