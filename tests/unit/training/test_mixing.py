"""What both parts of the ranker count, where the answer was planted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from homefeed.metrics.calibration import expected_calibration_error
from homefeed.models.mix import Mix
from homefeed.training.mixing import MOST, fit_mix

Floats = npt.NDArray[np.float32]


def planted(n: int, deep: float, factors: float, intercept: float, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Two parts that agree in half of what they say, and labels of their mix."""
    rng = np.random.default_rng(seed)
    shared, one, other = rng.normal(0, 1, (3, n))
    parts = (shared + one).astype(np.float32), (shared + other).astype(np.float32)
    p = 1 / (1 + np.exp(-(intercept + deep * parts[0] + factors * parts[1])))
    return *parts, (rng.random(n) < p).astype(np.float32)


@pytest.mark.parametrize("truth", [(0.6, 0.5, -0.4), (1.0, 0.0, 0.0), (0.0, 0.8, -2.0)])
def test_a_planted_mix_is_found(truth: tuple[float, float, float]) -> None:
    found = fit_mix(*planted(60_000, *truth))
    assert [found.deep, found.factors, found.intercept] == pytest.approx(truth, abs=0.05)


def test_parts_that_are_too_sure_of_themselves_come_out_calibrated() -> None:
    deep, factors, label = planted(40_000, 0.3, 0.2, -1.0)

    def error(mix: Mix) -> float:
        return expected_calibration_error(label, 1 / (1 + np.exp(-(mix.intercept + mix.deep * deep + mix.factors * factors))))

    assert error(Mix(0.5, 0.5, 0.0)) > 0.1
    assert error(fit_mix(deep, factors, label)) < 0.01


def test_a_part_that_is_wrong_way_round_counts_nothing_and_none_counts_without_end() -> None:
    deep, factors, label = planted(20_000, 1.0, -0.5, 0.0)
    assert fit_mix(deep, factors, label).factors == 0
    apart = np.where(label > 0, 1, -1).astype(np.float32) * 0.01
    assert fit_mix(apart, factors, label).deep == MOST


@pytest.mark.filterwarnings("error")
def test_parts_that_say_nothing_leave_the_click_rate() -> None:
    nothing, label = np.zeros(5_000, np.float32), (np.arange(5_000) % 4 == 0).astype(np.float32)
    mix = fit_mix(nothing, nothing, label)
    assert (mix.deep, mix.factors) == pytest.approx((0.5, 0.5))
    assert mix.intercept == pytest.approx(np.log(1 / 3), abs=0.01)


@pytest.mark.filterwarnings("error")
def test_without_rows_both_parts_count_half() -> None:
    none = np.zeros(0, np.float32)
    assert fit_mix(none, none, none) == Mix(0.5, 0.5, 0.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_few_rows_of_one_label_move_the_click_rate_a_little_and_not_to_the_end(label: float) -> None:
    logits = np.full(5, -2.0, np.float32)
    mix = fit_mix(logits, logits, np.full(5, label, np.float32))
    before, after = -2.0, mix.intercept + (mix.deep + mix.factors) * -2.0
    assert abs(after - before) < 4
    assert (after > before) == (label > 0)


@pytest.mark.filterwarnings("error")
def test_extreme_logits_give_a_mix_all_the_same() -> None:
    extreme = np.array([-1e4, 1e4, -1e4, 1e4], np.float32)
    mix = fit_mix(extreme, extreme[::-1].copy(), np.array([0, 1, 1, 0], np.float32))
    assert np.isfinite([mix.deep, mix.factors, mix.intercept]).all()
