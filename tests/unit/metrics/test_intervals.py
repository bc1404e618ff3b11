from __future__ import annotations

import numpy as np
import pytest

from homefeed.metrics.intervals import bootstrap, bootstrap_mean, bootstrap_means, ratio_of_sums


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


def test_a_user_without_a_value_is_left_out_of_the_mean() -> None:
    interval = bootstrap_mean(np.array([1.0, np.nan, 3.0]), np.random.default_rng(0))
    assert interval.mean == 2
    assert 1 <= interval.low <= interval.high <= 3


def test_samples_draw_as_many_users_as_there_are() -> None:
    seen = []
    bootstrap(lambda times: seen.append(times) or times[:, :1], 30, np.random.default_rng(1), n=40)  # type: ignore[func-returns-value]
    samples = np.concatenate(seen[1:])
    assert samples.shape == (40, 30)
    assert (samples.sum(1) == 30).all()
    assert len(np.unique(samples, axis=0)) == 40


def test_ratio_weighs_users_by_their_denominator() -> None:
    figure = ratio_of_sums(np.array([[1.0], [9.0]]), np.array([[1.0], [3.0]]))(np.ones((1, 2)))
    assert figure.tolist() == [[2.5]]
