"""How well predicted click probabilities tell clicks from other impressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SMALLEST_PROBABILITY = 1e-7
"""A float32 cannot hold the probability 1 - 1e-8, so that a bound below this would part 0 from 1."""


def auc(label: Array, score: Array) -> float:
    """Chance that a click scores higher than another impression, a tie counting half; NaN where the labels are all the same."""
    rows = np.zeros(len(label), np.int64)
    return float(auc_by_user(rows, label, score, 1)[0])


def gauc(user: Array, label: Array, score: Array) -> float:
    """AUC within each user, averaged over the users that have both labels, each weighted by their number of rows; NaN without such users.

    Zhou et al., Deep Interest Network for Click-Through Rate Prediction, 2018.
    """
    n_users = int(user.max(initial=-1)) + 1
    per_user = auc_by_user(user, label, score, n_users)
    both = ~np.isnan(per_user)
    weight = np.bincount(user, minlength=n_users)[both]
    return float(per_user[both] @ weight / weight.sum()) if both.any() else float("nan")


def auc_by_user(user: Array, label: Array, score: Array, n_users: int) -> npt.NDArray[np.float64]:
    """float64[n_users]: each user's own AUC, from N rows; NaN where a user has one label only.

    One sort for all: the Mann-Whitney statistic, from ranks within the user, equal scores sharing their mean rank.
    """
    per_user = np.full(n_users, np.nan)
    if not len(label):
        return per_user
    order = np.lexsort((score, user)) if n_users > 1 else np.argsort(score)
    user, clicked, score = user[order], label[order] > 0, score[order]
    rank = _mean_rank((user[1:] != user[:-1]) | (score[1:] != score[:-1]))
    rows = np.bincount(user, minlength=n_users)
    clicks = np.bincount(user, clicked, n_users)
    rank_sum = np.bincount(user, clicked * rank, n_users) - clicks * (np.cumsum(rows) - rows)
    pairs = clicks * (rows - clicks)
    np.divide(rank_sum - clicks * (clicks + 1) / 2, pairs, out=per_user, where=pairs > 0)
    return per_user


def auc_values(user: Array, label: Array, score: Array, n_users: int) -> npt.NDArray[np.float64]:
    """float64[n_users]: one value a user, whose mean is the AUC over all rows and whose spread is that of the AUC when users are drawn anew.

    The AUC and each user's own influence on it, times the number of users; NaN where the labels are all the same.
    Obuchowski, Nonparametric Analysis of Clustered ROC Curve Data, 1997.
    """
    clicked = label > 0
    if clicked.all() or not clicked.any():
        return np.full(n_users, np.nan)
    clicks, others = np.sort(score[clicked]), np.sort(score[~clicked])
    won = np.empty(len(score))
    won[clicked] = _share_below(score[clicked], others)
    won[~clicked] = 1 - _share_below(score[~clicked], clicks)
    mean = won[clicked].mean()
    influence = np.bincount(user, (won - mean) / np.where(clicked, len(clicks), len(others)), n_users)
    values: npt.NDArray[np.float64] = mean + n_users * influence
    return values


def log_loss(label: Array, p: Array) -> float:
    """Mean negative log likelihood, in nats."""
    return float(row_log_loss(label, p).mean())


def row_log_loss(label: Array, p: Array) -> npt.NDArray[np.float64]:
    """float64[N]: each row's part of the log loss."""
    sure = np.clip(p.astype(np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    loss: npt.NDArray[np.float64] = -np.log(np.where(label > 0, sure, 1 - sure))
    return loss


def _share_below(score: Array, others: Array) -> npt.NDArray[np.float64]:
    """float64[N]: share of the sorted ``others`` that are lower, equal ones counting half."""
    lower, not_higher = (np.searchsorted(others, score, side) for side in ("left", "right"))
    share: npt.NDArray[np.float64] = (lower + not_higher) / (2 * len(others))
    return share


def _mean_rank(differs_from_last: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """float64[N]: ranks from 1 over sorted rows, those of a run of equals replaced by the run's mean."""
    starts = np.concatenate([[0], np.flatnonzero(differs_from_last) + 1])
    lengths = np.diff(np.append(starts, len(differs_from_last) + 1))
    return np.repeat(starts + (lengths + 1) / 2, lengths)
