"""Orders come after their clicks: of the latest clicks some are still to come, and no order now does not mean none (Chapelle, KDD 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from homefeed.artifacts.processed import Interactions, ProcessedDataset

US_PER_HOUR = 3.6e9
SHORTEST_HOURS = 1 / 60
LONGEST_SHARE = 0.25
"""A mean delay is at most this part of the log's time: beyond it nothing tells a delay from a trend."""
BEYOND_DOUBT = 3.84
"""Twice the log likelihood that a delay must bring (chi-square, 95 %)."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Delay:
    """Between a click and its order: exponential, of a mean in hours. 0: none to be seen."""

    hours: float = 0.0

    def known(self, age_hours: Doubles) -> Doubles:
        """float64[N]: the share of the orders of clicks of that age that is known by now."""
        if not self.hours:
            return np.ones(len(age_hours))
        return -np.expm1(-np.maximum(age_hours, 0) / self.hours)

    def weights(self, age_hours: Doubles, ordered: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32[N]: what each click counts in a fit, so that its rate is that of all orders; a click whose order may still come says little."""
        known = self.known(age_hours)
        rate = min(ordered.sum() / max(known.sum(), 1e-9), 0.99)
        weights: npt.NDArray[np.float32] = np.where(ordered > 0, 1, np.maximum(known * (1 - rate) / (1 - rate * known), 1e-6)).astype(np.float32)
        return weights


def fit_delay(age_hours: Doubles, ordered: npt.NDArray[np.float32]) -> Delay:
    """Of clicks, float64[N] and float32[N]: orders a click by age tell it, no order's own moment is asked for."""
    longest = LONGEST_SHARE * float(np.ptp(age_hours)) if len(age_hours) else 0.0
    if longest <= SHORTEST_HOURS or not ordered.any():
        return Delay()

    def loss(log_hours: float) -> float:
        return _loss(Delay(float(np.exp(log_hours))).known(age_hours), ordered)

    found: Any = minimize_scalar(loss, bounds=(np.log(SHORTEST_HOURS), np.log(longest)), method="bounded")
    gain = 2 * (_loss(np.ones(len(ordered)), ordered) - found.fun)
    return Delay(float(np.exp(found.x))) if gain > BEYOND_DOUBT else Delay()


def age_hours(dataset: ProcessedDataset, rows: Interactions) -> Doubles:
    """float64[N]: time from each row to the moment up to which its orders are known: the split for train rows, the log's end for test rows."""
    meta, until = dataset.meta, np.full(len(rows), dataset.meta.log_end_us)
    test_from = np.full(len(dataset.users), meta.split.test_from_us)
    if meta.split.kind == "per-user":
        test_from[:] = meta.log_end_us
        np.minimum.at(test_from, dataset.test.user, dataset.test.ts_us)
    of_train = rows.ts_us < test_from[rows.user]
    until[of_train] = test_from[rows.user[of_train]]
    return (until - rows.ts_us) / US_PER_HOUR


def known_orders(dataset: ProcessedDataset, rows: Interactions, config: Mapping[str, Any]) -> Doubles:
    """float64[N]: the share of the orders of such clicks that is known; ``config``: of a ranker that knows orders."""
    return Delay(config["orders"]["delay_hours"]).known(age_hours(dataset, rows))


def _loss(known: Doubles, ordered: npt.NDArray[np.float32]) -> float:
    """Negative log likelihood under one order rate for all."""
    p = np.clip(ordered.sum() / max(known.sum(), 1e-9) * known, 1e-9, 1 - 1e-9)
    return -float((ordered * np.log(p) + (1 - ordered) * np.log1p(-p)).sum())
