"""Learns how much each part of the ranker counts, and its calibration, from what both say of rows that neither has seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from homefeed.models.mix import Mix

Doubles = npt.NDArray[np.float64]
MOST = 5.0
PULL = 1.0
"""Both weights are pulled to a half as strongly as one row of logit 1 would: for slices that tell nothing."""


def fit_mix(deep: npt.NDArray[np.float32], factors: npt.NDArray[np.float32], label: npt.NDArray[np.float32]) -> Mix:
    """Greatest likelihood of float32[N] labels, neither part counting less than nothing. ``deep`` and ``factors``: float32[N] logits."""
    parts = np.column_stack([deep, factors, np.ones(len(label))]).astype(np.float64)
    towards, pull = np.array([0.5, 0.5, 0.0]), np.array([PULL, PULL, 0.0])

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        logits = parts @ weights
        value = float((np.logaddexp(0, logits) - label * logits).sum() + 0.5 * (pull * (weights - towards) ** 2).sum())
        slope: Doubles = parts.T @ (1 / (1 + np.exp(-logits)) - label) + pull * (weights - towards)
        return value / len(label), slope / len(label)

    found: Any = minimize(loss, towards, jac=True, method="L-BFGS-B", bounds=[(0, MOST), (0, MOST), (None, None)])
    return Mix(*(float(weight) for weight in found.x))
