"""Figures of foreseen orders: hand-checked, orders still to come counted out, nothing where there is nothing to tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from homefeed.artifacts.processed import Interactions
from homefeed.evaluation.order_figures import order_figures

N = 40_000


def rows(ordered: np.ndarray, label: np.ndarray) -> Interactions:
    n, ones = len(label), np.ones(len(label), np.float32)
    numbers = np.arange(n, dtype=np.int64)
    some = np.ones(n, np.int32)
    return Interactions(numbers, some, some, label.astype(np.float32), ones, ones, np.zeros(n, np.bool_), ordered=ordered.astype(np.float32), value=ones)


def test_a_handful_of_rows_by_hand() -> None:
    test = rows(ordered=np.array([1, 0, 0, 0]), label=np.array([1, 1, 1, 0]))
    found = order_figures(test, np.full(4, 0.5), np.array([0.8, 0.2, 0.2, 0.9]), np.ones(4))
    assert found["order_auc"] == 1
    assert found["order_log_loss"] == pytest.approx(-np.log(0.8))
    assert found["click_and_order_auc"] == pytest.approx(2 / 3), "the row that nobody clicked stands above the order"
    assert found["click_and_order_log_loss"] == pytest.approx(-(np.log(0.4) + 2 * np.log(0.9) + np.log(0.55)) / 4)


def test_a_true_model_is_calibrated_though_half_of_the_orders_are_still_to_come() -> None:
    rng = np.random.default_rng(0)
    p_click, p_order, known = rng.uniform(0.1, 0.5, N), rng.uniform(0.05, 0.4, N), rng.choice([0.2, 1.0], N)
    label = rng.random(N) < p_click
    found = order_figures(rows(label & (rng.random(N) < p_order * known), label), p_click, p_order, known)
    assert found["order_calibration_error"] < 0.012
    assert found["click_and_order_calibration_error"] < 0.005
    late = order_figures(rows(label & (rng.random(N) < p_order * known), label), p_click, p_order, np.ones(N))
    assert late["order_calibration_error"] > 0.05


def test_rows_that_were_drawn_are_no_impressions() -> None:
    """A log of clicks alone says who orders among those who click, and nothing of impressions."""
    test = rows(ordered=np.array([1, 0, 0, 0]), label=np.array([1, 1, 1, 0]))
    asked = (np.full(4, 0.5), np.array([0.8, 0.2, 0.2, 0.9]), np.ones(4))
    found = order_figures(replace(test, drawn=test.label == 0), *asked)
    assert found.keys() == {"order_auc", "order_log_loss", "order_calibration_error"}
    assert found.items() <= order_figures(test, *asked).items()


@pytest.mark.parametrize("ordered", [[0, 0, 0, 0], [1, 1, 1, 0]])
def test_one_kind_of_click_alone_has_no_figures(ordered: list[int]) -> None:
    test = rows(np.array(ordered), np.array([1, 1, 1, 0]))
    assert order_figures(test, np.full(4, 0.5), np.full(4, 0.5), np.ones(4)) == {}


def test_a_shop_without_orders_and_a_ranker_without_have_no_figures() -> None:
    test = rows(np.array([1, 0, 0, 0]), np.array([1, 1, 1, 0]))
    assert order_figures(test, np.full(4, 0.5), None, np.ones(4)) == {}
    assert order_figures(replace(test, ordered=None), np.full(4, 0.5), np.full(4, 0.5), np.ones(4)) == {}
