"""The ranker's own candidates in lists: the best of the whole catalogue that a list would have withheld."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.bundle import SeenItems
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import ExportConfig, RankConfig, TrainConfig
from homefeed.core.candidates import DSSM, TASTE
from homefeed.core.progress import Silent
from homefeed.models.factors import Factors
from homefeed.models.inputs import inputs_of
from homefeed.models.weights import ModelWeights
from homefeed.recall.lists import MergedLists
from homefeed.recall.tastes import tastes_into
from homefeed.training.rank_deepfm import train_rank
from homefeed.training.rank_rows import Ranker, RankRows

CONFIG = ExportConfig()
TASTES = 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[ProcessedDataset, ModelWeights]:
    dataset = processed_shop(tmp_path_factory.mktemp("shop"), users=40, items=300)
    rank = train_rank(dataset, RankConfig(max_epochs=1), TrainConfig(min_count=1), refit=False, progress=Silent()).served
    return dataset, rank.model


def drawn_lists(dataset: ProcessedDataset) -> MergedLists:
    rng = np.random.default_rng(3)
    items = np.stack([rng.permutation(np.arange(1, len(dataset.items)))[: CONFIG.list_size] for _ in range(len(dataset.users))]).astype(np.int32)
    return MergedLists(items, np.full(items.shape, DSSM, np.uint8))


def nothing_seen(dataset: ProcessedDataset) -> SeenItems:
    return SeenItems(np.zeros(len(dataset.users) + 1, np.int64), np.zeros(0, np.int32))


def factor_logits(dataset: ProcessedDataset, ranker: ModelWeights, user: int, hotness: np.ndarray) -> np.ndarray:
    """Of every item for one user, by way of log rows."""
    n = len(dataset.items)
    row = dataset.train.take(np.zeros(n, np.int64))
    asked: Interactions = replace(row, user=np.full(n, user, np.int32), item=np.arange(n, dtype=np.int32), hotness=hotness)
    scale = ranker.config["hotness_mean"], ranker.config["hotness_std"]
    inputs = inputs_of(ranker, dataset.users, dataset.items)
    return Ranker(None, Factors.of(ranker.arrays), inputs).factor_logits(RankRows(asked, *scale))  # type: ignore[arg-type]


def test_a_list_gets_the_best_by_the_factor_model_that_it_does_not_hold(shop: tuple[ProcessedDataset, ModelWeights]) -> None:
    dataset, ranker = shop
    merged, hotness, available = drawn_lists(dataset), dataset.facts.hotness_split, np.ones(len(dataset.items), np.bool_)
    available[[7, 8, 9]] = False
    found = tastes_into(merged, ranker, dataset, hotness, available, nothing_seen(dataset), CONFIG)
    for user in range(0, len(dataset.users), 5):
        logits = factor_logits(dataset, ranker, user, hotness)
        logits[[0, 7, 8, 9, *merged.items[user]]] = -np.inf
        added = found.items[user][found.sources[user] == TASTE]
        assert len(added) == TASTES
        np.testing.assert_allclose(np.sort(logits[added])[::-1], np.sort(logits)[::-1][:TASTES], rtol=1e-4)
        assert len(set(found.items[user].tolist())) == CONFIG.list_size
        assert (found.items[user, :50] == merged.items[user, :50]).all()


def test_nobody_is_given_what_he_has_seen(shop: tuple[ProcessedDataset, ModelWeights]) -> None:
    dataset, ranker = shop
    merged, available = drawn_lists(dataset), np.ones(len(dataset.items), np.bool_)
    first = tastes_into(merged, ranker, dataset, dataset.facts.hotness_split, available, nothing_seen(dataset), CONFIG)
    of_user_3 = first.items[3][first.sources[3] == TASTE]
    offsets = np.where(np.arange(len(dataset.users) + 1) > 3, len(of_user_3), 0).astype(np.int64)
    second = tastes_into(merged, ranker, dataset, dataset.facts.hotness_split, available, SeenItems(offsets, of_user_3), CONFIG)
    assert not np.isin(of_user_3, second.items[3]).any()
    np.testing.assert_array_equal(second.items[4:], first.items[4:])


def test_a_factor_model_that_counts_nothing_in_the_mix_has_no_say_in_lists(shop: tuple[ProcessedDataset, ModelWeights]) -> None:
    dataset, ranker = shop
    deep_alone = replace(ranker, config=dict(ranker.config) | {"mix": {"deep": 1.0, "factors": 0.0, "intercept": 0.0}})
    merged = drawn_lists(dataset)
    assert tastes_into(merged, deep_alone, dataset, dataset.facts.hotness_split, np.ones(len(dataset.items), np.bool_), nothing_seen(dataset), CONFIG) is merged


def test_a_ranker_that_knows_nothing_changes_no_list(shop: tuple[ProcessedDataset, ModelWeights]) -> None:
    dataset, ranker = shop
    empty = replace(ranker, arrays={**ranker.arrays, "factors.values": np.zeros_like(ranker.arrays["factors.values"])})
    merged = drawn_lists(dataset)
    assert tastes_into(merged, empty, dataset, dataset.facts.hotness_split, np.ones(len(dataset.items), np.bool_), nothing_seen(dataset), CONFIG) is merged
