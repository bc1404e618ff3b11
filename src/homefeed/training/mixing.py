"""Learns how much each part of the ranker counts, and its calibration, from what both say of rows that neither has seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from homefeed.models.mix import Mix

Doubles = npt.NDArray[np.float64]
MOST = 5.0
PULL = 1.0
"""Both weights are pulled to a half, the intercept to 0, as strongly as a few rows of logit 1 would: for slices that tell nothing or have one label only."""


def fit_mix(deep: npt.NDArray[np.float32], factors: npt.NDArray[np.float32], label: npt.NDArray[np.float32]) -> Mix:
    """Greatest likelihood of float32[N] labels, neither part counting less than nothing. ``deep`` and ``factors``: float32[N] logits."""
    parts = np.column_stack([deep, factors, np.ones(len(label))]).astype(np.float64)
    towards, n_rows = np.array([0.5, 0.5, 0.0]), max(len(label), 1)

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        logits = parts @ weights
        value = float((np.logaddexp(0, logits) - label * logits).sum() + 0.5 * PULL * ((weights - towards) ** 2).sum())
        slope: Doubles = parts.T @ (expit(logits) - label) + PULL * (weights - towards)
        return value / n_rows, slope / n_rows

    found: Any = minimize(loss, towards, jac=True, method="L-BFGS-B", bounds=[(0, MOST), (0, MOST), (None, None)])
    return Mix(*(float(weight) for weight in found.x))
