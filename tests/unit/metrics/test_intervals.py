from __future__ import annotations

import numpy as np
import pytest

from homefeed.metrics.classification import auc
from homefeed.metrics.intervals import auc_over_users, bootstrap, bootstrap_mean, bootstrap_means, ratio_of_sums


def test_interval_of_a_mean_is_about_two_standard_errors_each_way() -> None:
    values = np.random.default_rng(0).normal(5, 2, 2500)
    interval = bootstrap_mean(values, np.random.default_rng(1))
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - 1.96 * 2 / 50, abs=0.01)
    assert interval.high == pytest.approx(values.mean() + 1.96 * 2 / 50, abs=0.01)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(2)
    intervals = [bootstrap_mean(rng.random(100), rng, n=200) for _ in range(200)]
    assert 180 <= sum(i.low <= 0.5 <= i.high for i in intervals) <= 199


def test_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).random(50)
    assert bootstrap_mean(values, np.random.default_rng(3)) == bootstrap_mean(values, np.random.default_rng(3))


def test_columns_share_their_resamples() -> None:
    values = np.random.default_rng(5).random((40, 1))
    first, second = bootstrap_means(np.hstack([values, values]), np.random.default_rng(6))
    assert first == second


def test_nobody_has_no_interval() -> None:
    interval = bootstrap_mean(np.array([]), np.random.default_rng(0))
    assert np.isnan([interval.mean, interval.low, interval.high]).all()


def test_auc_of_a_sample_is_the_auc_of_its_rows_repeated() -> None:
    rng = np.random.default_rng(7)
    user, label, score = rng.integers(0, 8, 200), rng.integers(0, 2, 200), rng.integers(0, 20, 200) / 3
    times = np.array([0, 1, 2, 0, 3, 1, 0, 1])
    repeated = np.repeat(np.arange(200), times[user])
    assert auc_over_users(user, label, score)(times.astype(np.float64))[0] == pytest.approx(auc(label[repeated], score[repeated]))


def test_auc_interval_holds_the_figure_and_widens_with_clustered_rows() -> None:
    rng = np.random.default_rng(8)
    taste = rng.normal(size=100)
    user = np.repeat(np.arange(100), 50)
    label = rng.random(5000) < 1 / (1 + np.exp(-3 * taste[user]))
    score = taste[user] + 5 * (user % 2)
    by_user = bootstrap(auc_over_users(user, label, score), 100, rng, 200)[0]
    by_row = bootstrap(auc_over_users(np.arange(5000), label, score), 5000, rng, 200)[0]
    assert by_user.low < by_user.mean == by_row.mean < by_user.high
    assert by_user.high - by_user.low > 2 * (by_row.high - by_row.low)


def test_ratio_weighs_users_by_their_denominator() -> None:
    figure = ratio_of_sums(np.array([[1.0], [9.0]]), np.array([[1.0], [3.0]]))(np.ones(2))
    assert figure.tolist() == [2.5]
