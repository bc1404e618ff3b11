"""Calibration of the order model: hundreds of orders correct it, a handful leaves it alone; the corrected factor model says the corrected logit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from homefeed.models.factors import Factors
from homefeed.training.orders.calibration import Calibration, fit_calibration


def clicks(n: int, *, slope: float = 1.0, shift: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a model says, and orders of which ``shift`` + ``slope`` x that is the truth."""
    rng = np.random.default_rng(seed)
    said = rng.normal(-2, 0.8, n).astype(np.float32)
    return said, (rng.random(n) < expit(shift + slope * said)).astype(np.float32), np.ones(n)


def test_thousands_of_clicks_find_the_line() -> None:
    found = fit_calibration(*clicks(60_000, slope=0.7, shift=-0.5))
    assert (found.slope, found.intercept) == pytest.approx((0.7, -0.5), abs=0.12)


def test_a_handful_of_orders_moves_it_little() -> None:
    said, ordered, known = clicks(40, slope=0.0, shift=-1.0)
    found = fit_calibration(said, ordered, known)
    assert 0.7 < found.slope < 1.1
    assert found.slope * -2 + found.intercept == pytest.approx(-2, abs=0.6)


def test_a_slice_without_clicks_leaves_it_as_it_is() -> None:
    assert fit_calibration(*clicks(0)) == Calibration()


def test_orders_still_to_come_are_counted_in() -> None:
    said, ordered, known = clicks(60_000)
    half = ordered * (np.random.default_rng(1).random(len(said)) < 0.5)
    assert fit_calibration(said, half, known).intercept < -0.7, "as if half of them never came"
    found = fit_calibration(said, half, np.full(len(said), 0.5))
    assert (found.slope, found.intercept) == pytest.approx((1, 0), abs=0.15)


@pytest.mark.parametrize("line", [Calibration(0.6, -0.4), Calibration(0.0, -1.5), Calibration()])
def test_the_corrected_factors_say_the_corrected_logit(line: Calibration) -> None:
    rng = np.random.default_rng(3)
    factors = Factors(*(rng.normal(size=shape).astype(np.float32) for shape in ((5, 4), (2, 4), 2)))
    other, x = line.of(factors), rng.normal(size=3).astype(np.float32)
    before = factors.logits(factors.values[:3], factors.values[1:4], x)
    after = other.logits(other.values[:3], other.values[1:4], x)
    np.testing.assert_allclose(after, line.intercept + line.slope * before, atol=1e-5)
