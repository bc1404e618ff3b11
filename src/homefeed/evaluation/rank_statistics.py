"""AUC, GAUC, log loss and calibration error of several predictions over one sample of users after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.metrics.calibration import BINS, calibration_bins
from homefeed.metrics.classification import auc_by_user, row_log_loss
from homefeed.metrics.intervals import Statistic, Times, auc_over_users, ratio_of_sums

RANK_METRICS = ("auc", "gauc", "log_loss", "calibration_error")
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of N rows. ``score``: any order; ``p``: click probabilities, None where there are none."""

    score: Array
    p: Array | None

    def take(self, mask: npt.NDArray[np.bool_]) -> Prediction:
        return Prediction(self.score[mask], None if self.p is None else self.p[mask])


def rank_statistic(user: Array, label: Array, predictions: Sequence[Prediction]) -> Statistic:
    """All ``RANK_METRICS`` of each prediction, then those of the first one less those of each other; ``user`` in 0..U - 1."""
    by_metric = [part for p in predictions for part in _statistics(user, label, p)]
    shape = (len(predictions), len(RANK_METRICS))

    def statistic(times: Times) -> npt.NDArray[np.float64]:
        values = np.concatenate([part(times) for part in by_metric]).reshape(shape)
        return np.concatenate([values, values[:1] - values[1:]]).ravel()

    return statistic


def _statistics(user: Array, label: Array, prediction: Prediction) -> tuple[Statistic, ...]:
    ranked = (auc_over_users(user, label, prediction.score), _gauc(user, label, prediction.score))
    if prediction.p is None:
        return (*ranked, _unknown, _unknown)
    return (*ranked, _log_loss(user, label, prediction.p), _calibration_error(user, label, prediction.p))


def _gauc(user: Array, label: Array, score: Array) -> Statistic:
    rows = np.bincount(user)
    per_user = auc_by_user(user, label, score, len(rows))
    weight = np.where(np.isnan(per_user), 0, rows)[:, None]
    return ratio_of_sums(np.nan_to_num(per_user)[:, None] * weight, weight)


def _log_loss(user: Array, label: Array, p: Array) -> Statistic:
    loss, rows = np.bincount(user, row_log_loss(label, p)), np.bincount(user)
    return ratio_of_sums(loss[:, None], rows[:, None])


def _calibration_error(user: Array, label: Array, p: Array) -> Statistic:
    """Over the bins of all rows, so that one pass serves every sample."""
    rows = np.bincount(user)
    gap = np.bincount(user * BINS + calibration_bins(p), p - label, len(rows) * BINS).reshape(-1, BINS)

    def calibration_error(times: Times) -> npt.NDArray[np.float64]:
        return np.array([np.abs(times @ gap).sum() / (times @ rows)])

    return calibration_error


def _unknown(times: Times) -> npt.NDArray[np.float64]:
    return np.array([np.nan])
