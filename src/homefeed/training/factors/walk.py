"""A bias that wanders: for each of S slots a random walk over T spans of time, from 0, of Gaussian steps whose variance is learned.

What is asked later is where the walk ended. A slot whose rows do not change their mind stays at 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.training.factors.log import Floats, Ints

PRIOR_VARIANCE, PRIOR_STEPS = 0.001, 1.0
MOST_LOGITS = 1.0

Doubles = npt.NDArray[np.float64]


class Walk:
    """``slot`` and ``span``: i64[R] of the log's rows. ``at``: f32[S, T], the walk. ``step``: variance of a step, in squared logits."""

    def __init__(self, slot: Ints, span: Ints, n_slots: int, n_spans: int, first_step: float) -> None:
        self.slot, self.n_spans = slot, n_spans
        self.cell = slot * n_spans + span
        self.at: Floats = np.zeros((n_slots, n_spans), np.float32)
        self.step = first_step

    def of_rows(self) -> Floats:
        """f32[R]: what the walk adds to each row's logit."""
        value: Floats = self.at.reshape(-1)[self.cell]
        return value

    def last(self) -> Floats:
        """f32[S]: where each walk ended."""
        return self.at[:, -1]

    def improve(self, weight: Floats, gradient: Floats) -> Floats:
        """One Newton step from the rows' f32[R] curvature and slope; what it changes in their logits."""
        curvature, slope = self._cells(weight), self._cells(gradient)
        tie = 1 / self.step
        pull = np.diff(self.at, axis=1, prepend=0).astype(np.float64) * tie
        slope -= pull
        slope[:, :-1] += pull[:, 1:]
        diagonal = curvature + tie
        diagonal[:, :-1] += tie
        change, forward = _solve(diagonal, tie, slope)
        change *= np.minimum(1, MOST_LOGITS / np.maximum(np.abs(change).max(1, keepdims=True), 1e-9))
        self.at = (self.at + change).astype(np.float32)
        self._learn_step(diagonal, tie, forward, curvature.sum(1) > 0)
        moved: Floats = change.astype(np.float32).reshape(-1)[self.cell]
        return moved

    def _cells(self, of_row: Floats) -> Doubles:
        """f64[S, T]: what the rows of each slot and span add up to."""
        return np.bincount(self.cell, of_row, self.at.size).astype(np.float64).reshape(self.at.shape)

    def _learn_step(self, diagonal: Doubles, tie: float, forward: Doubles, live: npt.NDArray[np.bool_]) -> None:
        variance, covariance = _variances(diagonal, tie, forward)
        square = np.diff(self.at, axis=1, prepend=0) ** 2 + variance
        square[:, 1:] += variance[:, :-1] - 2 * covariance
        n_steps = live.sum() * self.n_spans
        self.step = float((square[live].sum() + PRIOR_STEPS * PRIOR_VARIANCE) / (n_steps + PRIOR_STEPS))


def _solve(diagonal: Doubles, tie: float, right: Doubles) -> tuple[Doubles, Doubles]:
    """Tridiagonal systems f64[S, T] with -``tie`` beside the diagonal, row by row (Thomas algorithm): the solution and the pivots."""
    pivot, x = diagonal.copy(), right.copy()
    for t in range(1, pivot.shape[1]):
        share = tie / pivot[:, t - 1]
        pivot[:, t] -= tie * share
        x[:, t] += share * x[:, t - 1]
    x[:, -1] /= pivot[:, -1]
    for t in range(pivot.shape[1] - 2, -1, -1):
        x[:, t] = (x[:, t] + tie * x[:, t + 1]) / pivot[:, t]
    return x, pivot


def _variances(diagonal: Doubles, tie: float, forward: Doubles) -> tuple[Doubles, Doubles]:
    """Of the inverse: its diagonal f64[S, T] and what stands beside it f64[S, T - 1]."""
    backward = diagonal.copy()
    for t in range(diagonal.shape[1] - 2, -1, -1):
        backward[:, t] -= tie**2 / backward[:, t + 1]
    variance = 1 / (forward + backward - diagonal)
    return variance, tie / forward[:, :-1] * variance[:, 1:]
