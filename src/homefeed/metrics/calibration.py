"""Whether a predicted probability of 0.1 means that one in ten is clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
BINS = 15


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """Bins of about equal mass, lowest probability first; ``predicted`` and ``clicked`` are means over a bin's ``rows``."""

    predicted: npt.NDArray[np.float64]
    clicked: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        return float(np.abs(self.predicted - self.clicked) @ self.rows / self.rows.sum())


def expected_calibration_error(label: Array, p: Array, bins: int = BINS) -> float:
    """Mean distance between predicted and observed click rate over bins of equal mass, weighted by their rows.

    Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015.
    """
    return calibration_curve(label, p, bins).expected_error


def calibration_curve(label: Array, p: Array, bins: int = BINS) -> CalibrationCurve:
    """The bins behind the error. Equal probabilities share a bin, so that the order of the rows does not matter; empty bins are left out."""
    place = calibration_bins(p, bins)
    rows = np.bincount(place, minlength=bins)
    held = rows > 0
    predicted, clicked = (np.bincount(place, values, bins)[held] / rows[held] for values in (p, label))
    return CalibrationCurve(predicted, clicked, rows[held])


def calibration_bins(p: Array, bins: int = BINS) -> npt.NDArray[np.int64]:
    """int64[N]: the bin of each row, 0 to bins - 1."""
    edges = np.quantile(p, np.arange(1, bins) / bins, method="inverted_cdf")
    return np.searchsorted(edges, p)
