"""Fits on a small shop: repeatable from a seed, better than a guess, and sound where a batch is odd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from processed_shop import processed_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RankConfig, RecallConfig, TrainConfig
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Silent
from homefeed.metrics.classification import auc
from homefeed.models.weights import ModelWeights
from homefeed.training.rank_deepfm import predict, train_rank
from homefeed.training.recall_dssm import Objective, train_recall

RECALL = RecallConfig(output_dim=8, max_events=20, max_epochs=2, batch_events=500, negatives=64)
RANK = RankConfig(embedding_dim=8, hidden=(16, 8), max_epochs=8, batch_size=128, learning_rate=0.005)
OBJECTIVES: list[Objective] = ["pointwise", "inbatch"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"))


def fit_recall(dataset: ProcessedDataset, objective: Objective, seed: int = 7, **config: int) -> ModelWeights:
    settings = RECALL.model_copy(update=config)
    return train_recall(dataset, objective, settings, TrainConfig(seed=seed), refit=False, progress=Silent()).reported.model


def fit_rank(dataset: ProcessedDataset, seed: int = 7) -> ModelWeights:
    return train_rank(dataset, RANK, TrainConfig(seed=seed), refit=False, progress=Silent()).reported.model


def same(one: ModelWeights, other: ModelWeights) -> bool:
    return all(np.array_equal(one.flat()[name], array) for name, array in other.flat().items())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_recall_fit_is_repeated_by_its_seed_alone(objective: Objective, dataset: ProcessedDataset) -> None:
    first = fit_recall(dataset, objective)
    torch.manual_seed(99)
    assert same(first, fit_recall(dataset, objective))
    assert not same(first, fit_recall(dataset, objective, seed=8))


def test_a_rank_fit_is_repeated_by_its_seed_alone(dataset: ProcessedDataset) -> None:
    first = fit_rank(dataset)
    torch.manual_seed(99)
    assert same(first, fit_rank(dataset))
    assert not same(first, fit_rank(dataset, seed=8))


def test_the_ranker_tells_clicks_from_the_rest_on_rows_it_has_not_seen(dataset: ProcessedDataset) -> None:
    p_click = predict(fit_rank(dataset), dataset, dataset.test)
    assert ((p_click > 0) & (p_click < 1)).all()
    assert auc(dataset.test.label, p_click) > 0.75


def test_labels_of_the_test_side_change_no_model_that_was_reported(dataset: ProcessedDataset) -> None:
    flipped = replace(dataset, test=replace(dataset.test, label=1 - dataset.test.label))
    assert same(fit_rank(dataset), fit_rank(flipped))
    assert same(fit_recall(dataset, "pointwise"), fit_recall(flipped, "pointwise"))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("full_softmax_items", [1, 20_000])
def test_a_fit_on_tiny_batches_stays_finite(objective: Objective, full_softmax_items: int, dataset: ProcessedDataset) -> None:
    """Batches without a click, with one row, with one item."""
    few = replace(dataset, train=dataset.train.take(np.arange(len(dataset.train)) % 9 == 0))
    weights = fit_recall(few, objective, batch_events=3, negatives=4, full_softmax_items=full_softmax_items, max_epochs=1)
    assert all(np.isfinite(array).all() for array in weights.arrays.values())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("clicked", ["nowhere", "not in the validation slice"])
def test_a_fit_without_clicks_to_validate_on_or_to_learn_from_stays_finite(clicked: str, objective: Objective, dataset: ProcessedDataset) -> None:
    train = dataset.train
    late = train.ts_us > np.quantile(train.ts_us, 0.5) if clicked != "nowhere" else train.ts_us > 0
    quiet = replace(dataset, train=replace(train, label=np.where(late, 0, train.label).astype(np.float32)))
    weights = fit_recall(quiet, objective)
    assert all(np.isfinite(array).all() for array in weights.arrays.values())


def test_a_slot_that_is_rare_in_training_is_left_to_its_unknown_row(dataset: ProcessedDataset) -> None:
    few: Interactions = dataset.train.take(np.arange(len(dataset.train)) < 40)
    weights = fit_recall(replace(dataset, train=few), "pointwise")
    known = weights.vocabulary.row > 0
    assert not known[dataset.items.slots[np.setdiff1d(np.arange(1, len(dataset.items)), few.item), 0]].any()


def test_clicks_alone_leave_the_ranker_nothing_to_rank_by(dataset: ProcessedDataset) -> None:
    clicks = replace(dataset, train=dataset.train.take(dataset.train.label > 0), test=dataset.test.take(dataset.test.label > 0))
    model = fit_rank(clicks)
    assert len(np.unique(predict(model, clicks, clicks.test))) == 1


def test_a_model_that_diverges_is_an_error_and_never_a_checkpoint(dataset: ProcessedDataset) -> None:
    with pytest.raises(ArtifactError, match=r"DeepFM.*diverged.*learning_rate"):
        train_rank(dataset, RANK.model_copy(update={"learning_rate": 1e30}), TrainConfig(), refit=False, progress=Silent())


def test_the_ranker_starts_from_the_click_rate(dataset: ProcessedDataset) -> None:
    idle = train_rank(dataset, RANK.model_copy(update={"max_epochs": 1, "learning_rate": 1e-9}), TrainConfig(), refit=False, progress=Silent())
    p_click = predict(idle.reported.model, dataset, dataset.test)
    assert p_click.mean() == pytest.approx(dataset.train.label.mean(), rel=0.3)
