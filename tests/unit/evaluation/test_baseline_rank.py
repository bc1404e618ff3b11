from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processed_shop import processed_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.baselines.job import Job
from homefeed.evaluation.baselines.names import LIGHTGBM, LOGISTIC
from homefeed.evaluation.baselines.rank_features import earlier_sums
from homefeed.evaluation.baselines.registry import missing, run_baseline
from homefeed.evaluation.protocol import protocol_of
from homefeed.metrics.classification import auc, log_loss

RANKERS = [LOGISTIC, pytest.param(LIGHTGBM, marks=pytest.mark.skipif(bool(missing(LIGHTGBM)), reason=missing(LIGHTGBM)))]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("shop"), users=120, items=30)


def loved(rows: Interactions, seed: int) -> Interactions:
    """With clicks that hang on the item alone: every third item is clicked six times as often as the others."""
    chance = np.where(rows.item % 3 == 0, 0.6, 0.1)
    return replace(rows, label=(np.random.default_rng(seed).random(len(rows)) < chance).astype(np.float32))


def job(shop: ProcessedDataset) -> Job:
    return Job(shop, protocol_of(shop), 10, 7, 600.0, np.zeros((0, 10), np.int32))


@pytest.mark.parametrize("name", RANKERS)
def test_a_ranker_tells_clicks_from_other_impressions_and_beats_the_click_rate(name: str, shop: ProcessedDataset) -> None:
    shop = replace(shop, train=loved(shop.train, 0), test=loved(shop.test, 1))
    p = run_baseline(name, job(shop)).p_click
    assert p is not None
    assert p.shape == (len(shop.test),)
    assert auc(shop.test.label, p) > 0.7
    assert log_loss(shop.test.label, p) < log_loss(shop.test.label, np.full(len(p), shop.train.label.mean()))


@pytest.mark.parametrize("name", RANKERS)
def test_probabilities_do_not_move_with_the_labels_of_the_test_side(name: str, shop: ProcessedDataset) -> None:
    flipped = replace(shop, test=replace(shop.test, label=1 - shop.test.label))
    one, other = (run_baseline(name, job(s)).p_click for s in (shop, flipped))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", RANKERS)
def test_a_log_of_clicks_alone_gives_no_ranker(name: str, shop: ProcessedDataset) -> None:
    clicks = replace(shop, train=shop.train.take(shop.train.label > 0))
    outcome = run_baseline(name, job(clicks))
    assert outcome.p_click is None
    assert "one label only" in outcome.remark


def test_earlier_is_strictly_earlier_and_of_the_same_key() -> None:
    sums = earlier_sums(np.array([1, 1, 2, 1, 1]), np.array([5, 3, 1, 5, 9]), np.array([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert sums.tolist() == [2, 0, 0, 2, 11]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=30))
def test_earlier_sums_are_those_of_a_loop(rows: list[tuple[int, int, int]]) -> None:
    key, ts, value = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    expected = [sum(v for k2, t2, v in rows if k2 == k and t2 < t) for k, t, _ in rows]
    assert earlier_sums(key, ts, value.astype(np.float64)).tolist() == expected
