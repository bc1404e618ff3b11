"""How large a calibration error chance alone makes: what the clicks of a model without any would look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.metrics.calibration import BINS, Array, calibration_bins
from homefeed.metrics.intervals import blocks

SMALLEST_LIMIT = 0.01
"""An error of one percentage point is good enough, however many rows could tell it from none."""
SIMULATIONS = 500


@dataclass(frozen=True, slots=True)
class PerfectCalibration:
    """What a model that is right about every row would get on these probabilities, since clicks fall by chance.

    ``error_95``: 95 % of such models have no larger error. ``low`` and ``high``: where 95 % of their observed click rates lie, by bin of ``calibration_curve``.
    """

    error_95: float
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    @property
    def limit(self) -> float:
        """The largest error that still counts as calibrated."""
        return max(SMALLEST_LIMIT, self.error_95)


def perfect_calibration(p: Array, rng: np.random.Generator, bins: int = BINS, n: int = SIMULATIONS) -> PerfectCalibration:
    """From n draws of every row's label with its own probability ``p`` [N], N > 0."""
    place = calibration_bins(p, bins)
    order = np.argsort(place, kind="stable")
    held, starts, rows = np.unique(place[order], return_index=True, return_counts=True)
    chance = p[order].astype(np.float32)
    clicks = np.concatenate([_clicks(chance, starts, size, rng) for size in blocks(n, len(p))])
    expected = np.bincount(place, p, bins)[held]
    error = np.abs(clicks - expected).sum(1) / len(p)
    low, high = np.quantile(clicks / rows, (0.025, 0.975), axis=0)
    return PerfectCalibration(float(np.quantile(error, 0.95)), low, high)


def _clicks(chance: npt.NDArray[np.float32], starts: npt.NDArray[np.intp], n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """int64[n, bins]: clicks of each bin, rows lying bin by bin."""
    drawn = rng.random((n, len(chance)), np.float32) < chance
    return np.add.reduceat(drawn, starts, 1, np.int64)
