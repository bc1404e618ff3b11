"""Corrects the order model by what it says of clicks that it has not seen, as far as these are enough to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from homefeed.models.factors import Factors

Doubles = npt.NDArray[np.float64]
PULL = 30.0
"""The model counts as much as some forty orders of the slice would: with a few of them it stays what it is, with hundreds they decide."""
MOST_SLOPE = 3.0
CERTAIN = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """logit(pCVR) = ``intercept`` + ``slope`` x the model's logit."""

    slope: float = 1.0
    intercept: float = 0.0

    def of(self, factors: Factors) -> Factors:
        """The factor model that says so itself: both tastes take half of the slope."""
        slope = np.array([self.slope, *[np.sqrt(self.slope)] * (factors.values.shape[1] - 1)], np.float32)
        bias = factors.bias * np.float32(self.slope) + np.array([self.intercept, 0], np.float32)
        return Factors(factors.values * slope, factors.numbers * slope, bias)


def fit_calibration(logits: npt.NDArray[np.float32], ordered: npt.NDArray[np.float32], known: Doubles) -> Calibration:
    """Of clicks. ``known``: float64[N], how many of such a click's orders are known by now: the others are still to come."""
    if not len(logits):
        return Calibration()
    said = logits.astype(np.float64)
    centre = float(said.mean())

    def loss(found: Doubles) -> tuple[float, Doubles]:
        p = expit(centre + found[0] + found[1] * (said - centre)).clip(CERTAIN, 1 - CERTAIN)
        slope = np.where(ordered > 0, p - 1, known * p * (1 - p) / (1 - known * p))
        value = -np.where(ordered > 0, np.log(p), np.log1p(-known * p)).sum() + 0.5 * PULL * (found[0] ** 2 + (found[1] - 1) ** 2)
        return float(value), np.array([slope.sum() + PULL * found[0], (slope * (said - centre)).sum() + PULL * (found[1] - 1)])

    found: Any = minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(None, None), (0, MOST_SLOPE)])
    shift, slope = (float(number) for number in found.x)
    return Calibration(slope, shift + centre * (1 - slope))
