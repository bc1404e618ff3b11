"""The ranker as a whole on a small shop: its mix, its places, and logs that leave the validation slice without an answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RankConfig, TrainConfig
from homefeed.core.progress import Silent
from homefeed.metrics.classification import auc
from homefeed.models.mix import Mix
from homefeed.models.weights import ModelWeights
from homefeed.training.rank_deepfm import predict, train_rank

RANK = RankConfig(embedding_dim=4, hidden=(8,), max_epochs=4, batch_size=256, learning_rate=0.01)
PLACES, DIM_BELOW = 4, 0.25
"""On the lower half of the page only every fourth click happens."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"), users=120)


def fit(dataset: ProcessedDataset) -> ModelWeights:
    return train_rank(dataset, RANK, TrainConfig(), refit=False, progress=Silent()).reported.model


def on_a_page(rows: Interactions, promoted: npt.NDArray[np.int32], seed: int) -> Interactions:
    """The ``promoted`` items always stand in the upper half, all others mostly in the lower one."""
    rng = np.random.default_rng(seed)
    upper = np.isin(rows.item, promoted) | (rng.random(len(rows)) < 0.2)
    position = np.where(upper, rng.integers(1, 1 + PLACES // 2, len(rows)), rng.integers(1 + PLACES // 2, 1 + PLACES, len(rows)))
    label = np.where(upper | (rng.random(len(rows)) < DIM_BELOW), rows.label, 0).astype(np.float32)
    return replace(rows, position=position.astype(np.int32), label=label)


def test_a_promoted_item_is_not_taken_for_a_better_one_and_a_row_is_valued_the_same_wherever_it_stood(dataset: ProcessedDataset) -> None:
    promoted = np.arange(1, len(dataset.items), 3, dtype=np.int32)
    paged = replace(dataset, train=on_a_page(dataset.train, promoted, 1), test=on_a_page(dataset.test, promoted, 2))
    blind = replace(paged, train=replace(paged.train, position=None), test=replace(paged.test, position=None))
    user, item = (pair.reshape(-1).astype(np.int32) for pair in np.meshgrid(np.arange(1, 61), np.arange(1, len(dataset.items)), indexing="ij"))
    rows = dataset.test.take(np.zeros(len(user), np.int64))
    asked = replace(rows, user=user, item=item)
    model, lift = fit(paged), {}
    for name, weights, data in (("sighted", model, paged), ("blind", fit(blind), blind)):
        p = predict(weights, data, asked)
        lift[name] = p[np.isin(item, promoted)].mean() / p[~np.isin(item, promoted)].mean()
    assert lift["blind"] > 1.7, "or this shop would not need it"
    assert 0.75 < lift["sighted"] < 1.35
    top, bottom = (predict(model, paged, replace(asked, position=np.full(len(user), place, np.int32))) for place in (1, PLACES))
    assert np.array_equal(top, bottom)


def test_the_mix_is_learned_on_the_slice_kept_by_the_later_fits_and_better_calibrated_than_chance(dataset: ProcessedDataset) -> None:
    fitted = train_rank(dataset, RANK, TrainConfig(), refit=True, progress=Silent())
    mixes = [Mix.of(model.config) for model in (fitted.reported.model, fitted.served.model)]
    assert mixes[0] == mixes[1] != Mix()
    assert fitted.reported.model.config["calibration"] == fitted.served.model.config["calibration"]
    p = predict(fitted.reported.model, dataset, dataset.test)
    assert p.mean() == pytest.approx(dataset.test.label.mean(), rel=0.15)


def test_events_of_different_weight_leave_p_click_a_chance_of_a_click(dataset: ProcessedDataset) -> None:
    heavy = replace(dataset.train, weight=np.where(dataset.train.label > 0, 5, 1).astype(np.float32))
    p = predict(fit(replace(dataset, train=heavy)), dataset, dataset.test)
    assert p.mean() == pytest.approx(dataset.test.label.mean(), rel=0.2)
    assert auc(dataset.test.label, p) > 0.75


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("slice_label", ["none", 0.0, 1.0])
def test_a_slice_without_rows_or_with_one_label_leaves_a_ranker_that_ranks(slice_label: str | float, dataset: ProcessedDataset) -> None:
    train = dataset.train
    late = train.ts_us > np.quantile(train.ts_us, 0.85)
    if slice_label == "none":
        odd = replace(train, ts_us=np.full(len(train), train.ts_us[0]))
    else:
        odd = replace(train, label=np.where(late, slice_label, train.label).astype(np.float32))
    weights = fit(replace(dataset, train=odd))
    p = predict(weights, dataset, dataset.test)
    assert np.isfinite(p).all()
    assert auc(dataset.test.label, p) > 0.6
    if slice_label == "none":
        assert Mix.of(weights.config) == Mix(0.5, 0.5, 0.0)


def test_a_log_whose_ids_are_all_rare_is_ranked_by_tags(dataset: ProcessedDataset) -> None:
    weights = train_rank(dataset, RANK, TrainConfig(min_count=10**6), refit=False, progress=Silent()).reported.model
    assert not weights.vocabulary.row.any()
    assert np.isfinite(predict(weights, dataset, dataset.test)).all()
