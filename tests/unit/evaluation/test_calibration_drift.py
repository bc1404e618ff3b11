"""The served ranker against its last day: a shop that is as it was, one whose items have changed, one that keeps clicks alone; and where the mix is from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.checkpoint import DEEPFM, Checkpoint, read_checkpoint, write_checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RankConfig, TrainConfig
from homefeed.core.progress import Silent
from homefeed.evaluation.calibration_drift import DAY_US, CalibrationDrift, calibration_drift
from homefeed.models.mix import Mix
from homefeed.training.calibration import provenance
from homefeed.training.rank_deepfm import predict, train_rank
from homefeed.training.three_fits import validation_split

RANK = RankConfig(embedding_dim=8, hidden=(16, 8), max_epochs=4, batch_size=128, learning_rate=0.005)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"), users=200)


@pytest.fixture(scope="module")
def served(dataset: ProcessedDataset) -> Checkpoint:
    return train_rank(dataset, RANK, TrainConfig(), refit=True, progress=Silent()).served


def last_day(dataset: ProcessedDataset) -> Interactions:
    rows = Interactions.concatenate([dataset.train, dataset.test])
    return rows.take(rows.ts_us > rows.ts_us.max() - DAY_US)


def shifted(dataset: ProcessedDataset) -> ProcessedDataset:
    """From the last day on only what each user likes is shown, and people click half as often as they did on it."""
    rng, test = np.random.default_rng(0), dataset.test
    of_day = test.ts_us > test.ts_us.max() - DAY_US
    pair = dataset.users.slots[test.user, 1].astype(np.int64) * 10**6 + dataset.items.slots[test.item, 1]
    place = np.unique(pair, return_inverse=True)[1]
    liked = (np.bincount(place, test.label) / np.bincount(place))[place] > 0.25
    label = np.where(of_day & (rng.random(len(test)) < 0.5), 0, test.label).astype(np.float32)
    return replace(dataset, test=replace(test, label=label).take(~of_day | liked))


def test_a_shop_that_is_as_it_was_is_not_warned(dataset: ProcessedDataset, served: Checkpoint) -> None:
    drift = calibration_drift(dataset, served)
    assert drift is not None
    rows = last_day(dataset)
    assert drift.rows == len(rows) < len(dataset.train)
    assert drift.click_rate == pytest.approx(rows.label.mean())
    assert drift.p_click == pytest.approx(predict(served.model, dataset, rows).mean(), rel=1e-5)
    assert not drift.is_told


def test_a_shop_whose_items_have_changed_is_warned_with_both_figures_and_where_to_read_on(dataset: ProcessedDataset, served: Checkpoint) -> None:
    changed = shifted(dataset)
    drift = calibration_drift(changed, served)
    assert drift is not None
    assert drift.is_told
    assert drift.relative > 0.3
    assert f"{drift.p_click:.2%} of the last day's {drift.rows:,} impressions" in drift.warning()
    assert f"{drift.click_rate:.2%} were" in drift.warning()
    assert "docs/ranking.md" in drift.warning()


def test_a_ranker_of_the_train_side_is_asked_of_the_train_sides_last_day(dataset: ProcessedDataset, served: Checkpoint) -> None:
    drift = calibration_drift(shifted(dataset), replace(served, rows_seen="train"))
    assert drift is not None
    assert drift.rows == int((dataset.train.ts_us > dataset.train.ts_us.max() - DAY_US).sum())
    assert not drift.is_told


def test_a_log_of_clicks_alone_has_no_click_rate_to_drift_from(dataset: ProcessedDataset, served: Checkpoint, tmp_path: Path) -> None:
    clicks = replace(dataset, train=dataset.train.take(dataset.train.label > 0), test=dataset.test.take(dataset.test.label > 0))
    assert calibration_drift(clicks, served) is None
    drawn = processed_shop(tmp_path, clicks_alone=True, etl={"sample_negatives": 2})
    assert calibration_drift(drawn, served) is None


def test_a_day_without_a_click_is_told_when_many_were_expected_and_not_when_few_were() -> None:
    assert CalibrationDrift(10_000, 0.1, 0.0, 0.003).is_told
    assert not CalibrationDrift(10, 0.1, 0.0, 0.095).is_told
    assert CalibrationDrift(10, 0.1, 0.0, 0.095).figures()["last_day_drift"] == 1.0


@pytest.mark.parametrize(("p", "told"), [(0.0560, True), (0.0440, True), (0.0545, False), (0.0455, False)])
def test_more_than_a_tenth_in_either_direction_is_told(p: float, told: bool) -> None:
    assert CalibrationDrift(1_000_000, p, 0.05, 0.0002).is_told == told


def test_a_tenth_of_a_few_clicks_is_chance() -> None:
    assert not CalibrationDrift(1_000, 0.06, 0.05, 0.0075).is_told


def test_a_checkpoint_says_which_slice_its_calibration_is_from(dataset: ProcessedDataset, served: Checkpoint, tmp_path: Path) -> None:
    _, validation = validation_split(dataset, TrainConfig().validation_fraction)
    write_checkpoint(tmp_path, DEEPFM, served)
    said = read_checkpoint(tmp_path, DEEPFM, dataset.meta).model.config["calibration"]
    assert (said["fit"], said["rows"], said["drawn"]) == ("first", len(validation), 0)
    first, last = (datetime.fromisoformat(said[name]).timestamp() for name in ("from", "until"))
    assert (first, last) == (validation.ts_us.min() // 10**6, validation.ts_us.max() // 10**6)
    assert last * 10**6 < dataset.meta.split.test_from_us
    assert said["error_mix"] < 0.05


def test_the_errors_before_and_after_are_those_of_the_parts_and_their_mix() -> None:
    rng = np.random.default_rng(0)
    logits = np.zeros(10_000, np.float32)
    label = (rng.random(10_000) < 0.1).astype(np.float32)
    rows = Interactions(np.arange(10_000), *(np.zeros(10_000, np.int32),) * 2, label, label + 1, label, np.zeros(10_000, np.bool_))
    said = provenance(Mix(1.0, 1.0, -3.2), logits + 1, logits, rows)
    rate = label.mean()
    assert said["error_deep"] == pytest.approx(1 / (1 + np.exp(-1)) - rate, abs=1e-5)
    assert said["error_factors"] == pytest.approx(0.5 - rate, abs=1e-5)
    assert said["error_mix"] == pytest.approx(abs(1 / (1 + np.exp(2.2)) - rate), abs=1e-5)
    assert provenance(Mix(), logits[:0], logits[:0], rows.take(np.zeros(0, np.int64)))["error_mix"] is None
