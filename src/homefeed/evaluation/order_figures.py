"""How well orders are foreseen: among the clicks of the test side, and among all its impressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions
from homefeed.metrics.calibration import expected_calibration_error
from homefeed.metrics.classification import auc, log_loss

CERTAIN = 1e-9
Array = npt.NDArray[Any]


def order_figures(test: Interactions, p_click: Array, p_order: Array | None, known: Array) -> dict[str, float]:
    """``p_order``: float32[N], pCVR of all rows. ``known``: float64[N], the share of the orders of such a click that had come when the log ended.

    ``order_...``: of clicks; ``click_and_order_...``: pCTR x pCVR of all rows, left out where the other rows were drawn: those are no impressions.
    Nothing where orders cannot be told from other clicks.
    """
    clicked = test.label > 0
    if p_order is None or test.ordered is None or not clicked.any() or not 0 < test.ordered[clicked].mean() < 1:
        return {}
    by_now = (p_order * known).clip(CERTAIN, 1 - CERTAIN)
    of_clicks = _figures("order", test.ordered[clicked], p_order[clicked], by_now[clicked])
    if test.drawn.any():
        return of_clicks
    return of_clicks | _figures("click_and_order", test.ordered, p_click * p_order, (p_click * by_now).clip(CERTAIN, 1 - CERTAIN))


def _figures(name: str, ordered: Array, score: Array, by_now: Array) -> dict[str, float]:
    return {
        f"{name}_auc": float(auc(ordered, score)),
        f"{name}_log_loss": float(log_loss(ordered, by_now.astype(np.float64))),
        f"{name}_calibration_error": float(expected_calibration_error(ordered, by_now.astype(np.float64))),
    }
