"""AUC, GAUC, log loss and calibration error of several predictions, so taken apart by user that users can be resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.metrics.calibration import BINS, calibration_bins
from homefeed.metrics.classification import auc_by_user, auc_values, row_log_loss
from homefeed.metrics.intervals import Statistic, Times

BY_USER = ("auc", "gauc", "log_loss")
CALIBRATION_ERROR = "calibration_error"
RANK_METRICS = (*BY_USER, CALIBRATION_ERROR)
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of N rows. ``score``: any order; ``p``: click probabilities, None where there are none."""

    score: Array
    p: Array | None

    def take(self, mask: npt.NDArray[np.bool_]) -> Prediction:
        return Prediction(self.score[mask], None if self.p is None else self.p[mask])


def rank_parts(user: Array, label: Array, predictions: Sequence[Prediction]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(parts float64[predictions, 3, U], weights float64[3, U]) of ``BY_USER``: a figure is the sum of its parts over that of its weights.

    ``user``: int64[N] in 0..U - 1, each of them there.
    """
    rows = np.bincount(user)
    clicks = np.bincount(user, label > 0)
    both = np.where((clicks > 0) & (clicks < rows), rows, 0)
    weights = np.stack([np.ones(len(rows)), both, rows]).astype(np.float64)
    return np.stack([_parts(user, label, p, both) for p in predictions]), weights


def calibration_statistic(user: Array, label: Array, predictions: Sequence[Prediction]) -> Statistic:
    """The error of each prediction over its bins of all rows, then the first one's less each other's."""
    rows = np.bincount(user)
    gaps = [None if p.p is None else _gaps(user, label, p.p, len(rows)) for p in predictions]

    def statistic(times: Times) -> npt.NDArray[np.float64]:
        below = times @ rows
        errors = [np.full(len(times), np.nan) if gap is None else np.abs(times @ gap).sum(1) / below for gap in gaps]
        return np.stack([*errors, *(errors[0] - error for error in errors[1:])], 1)

    return statistic


def _parts(user: Array, label: Array, prediction: Prediction, weight: Array) -> npt.NDArray[np.float64]:
    n_users = len(weight)
    by_user = np.nan_to_num(auc_by_user(user, label, prediction.score, n_users)) * weight
    loss = np.full(n_users, np.nan) if prediction.p is None else np.bincount(user, row_log_loss(label, prediction.p), n_users)
    return np.stack([auc_values(user, label, prediction.score, n_users), by_user, loss])


def _gaps(user: Array, label: Array, p: Array, n_users: int) -> Array:
    """float64[U, BINS]: predicted less observed clicks of each user in each bin."""
    return np.bincount(user * BINS + calibration_bins(p), p - label, n_users * BINS).reshape(-1, BINS)
