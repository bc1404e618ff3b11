from __future__ import annotations

import numpy as np
import pytest

from homefeed.metrics.calibration import calibration_curve, expected_calibration_error
from homefeed.metrics.perfect_calibration import perfect_calibration


def test_one_bin_has_the_spread_of_a_binomial() -> None:
    """400 rows of 0.5: the observed rate is normal with a deviation of 0.025, so the error is within 1.96 of them in 95 of 100 cases."""
    perfect = perfect_calibration(np.full(400, 0.5), np.random.default_rng(0), n=4000)
    assert perfect.error_95 == pytest.approx(1.96 * 0.025, rel=0.06)
    assert perfect.low.tolist() == pytest.approx([0.451], abs=0.004)
    assert perfect.high.tolist() == pytest.approx([0.549], abs=0.004)


def test_nineteen_of_twenty_perfect_models_stay_below_and_one_that_is_off_does_not() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.02, 0.3, 3000)
    perfect = perfect_calibration(p, np.random.default_rng(2))
    errors = np.array([expected_calibration_error(rng.random(3000) < p, p) for _ in range(300)])
    assert 0.91 <= (errors <= perfect.error_95).mean() <= 0.985
    assert expected_calibration_error(rng.random(3000) < p / 2, p) > perfect.limit


def test_many_rows_leave_chance_little_and_the_limit_at_one_point() -> None:
    perfect = perfect_calibration(np.random.default_rng(3).random(100_000), np.random.default_rng(4), n=100)
    assert perfect.error_95 < 0.01
    assert perfect.limit == 0.01


def test_few_rows_get_the_error_that_chance_makes() -> None:
    perfect = perfect_calibration(np.full(50, 0.3), np.random.default_rng(5))
    assert perfect.limit == perfect.error_95 > 0.05


def test_band_lies_at_the_points_of_the_curve() -> None:
    p = np.round(np.random.default_rng(6).random(500), 1)
    perfect, curve = perfect_calibration(p, np.random.default_rng(7)), calibration_curve(p > 0.5, p)
    assert len(perfect.low) == len(curve.predicted) < 15
    assert (perfect.low <= curve.predicted).all()
    assert (curve.predicted <= perfect.high).all()
