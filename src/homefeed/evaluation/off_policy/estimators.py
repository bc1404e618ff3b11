"""IPS, SNIPS and DR: the click rate of another policy from this log, with intervals over users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.off_policy.logged import Doubles, LoggedRows
from homefeed.metrics.intervals import Interval, bootstrap, ratio_of_sums

ESTIMATORS = ("ips", "snips", "dr")


@dataclass(frozen=True, slots=True)
class OwnMean:
    """Rows that a policy earned itself: cluster, click and the weight of each, for a figure to compare an estimate with."""

    user: npt.NDArray[np.int64]
    click: Doubles
    weight: Doubles


@dataclass(frozen=True, slots=True)
class Estimates:
    """Clicks per impression. ``values``: by estimator. ``reference``: the mean to compare with, ``ahead``: by estimator, the estimate less the reference.

    All from the same resamples.
    """

    values: dict[str, Interval]
    reference: Interval
    ahead: dict[str, Interval]


def estimate(rows: LoggedRows, w: Doubles, believed: Doubles, expected: Doubles, rng: np.random.Generator, reference: OwnMean | None = None) -> Estimates:
    """``w``: weights of the N rows; ``believed`` and ``expected``: the reward model's click chance of what was shown and of what the policy would show there.

    ``reference``: None for the log's own click rate. IPS: mean of w·click (Horvitz and Thompson, 1952). SNIPS: the same over the mean of w (Swaminathan and
    Joachims, The Self-Normalized Estimator for Counterfactual Learning, 2015). DR: mean of expected + w·(click - believed) (Dudík et al., Doubly Robust Policy
    Evaluation and Learning, 2011). Each row stands for itself, as in the item-position model of Li et al., Offline Evaluation of Ranking Policies with Click
    Models, 2018. Intervals: bootstrap by user, percentiles.
    """
    ones, won = np.ones(len(rows)), w * rows.click
    above = [won, won, expected + w * (rows.click - believed)]
    below = [ones, w, ones]
    own = reference or OwnMean(rows.user, rows.click, ones)
    users = _clusters(rows, reference)
    top = np.column_stack([_summed(users[0], column, users[2]) for column in above] + [_summed(users[1], own.weight * own.click, users[2])])
    bottom = np.column_stack([_summed(users[0], column, users[2]) for column in below] + [_summed(users[1], own.weight, users[2])])
    found = bootstrap(_with_differences(ratio_of_sums(top, bottom)), users[2], rng)
    return Estimates(dict(zip(ESTIMATORS, found[:3], strict=True)), found[3], dict(zip(ESTIMATORS, found[4:], strict=True)))


def _clusters(rows: LoggedRows, reference: OwnMean | None) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Users of the rows and of the reference, numbered from 0, and how many there are; users of another log are others."""
    names, user = np.unique(rows.user, return_inverse=True)
    if reference is None:
        return user, user, len(names)
    others, own = np.unique(reference.user, return_inverse=True)
    return user, own + len(names), len(names) + len(others)


def _summed(user: npt.NDArray[np.int64], column: Doubles, n_users: int) -> Doubles:
    return np.bincount(user, column, n_users).astype(np.float64)


def _with_differences(figures: Callable[[Any], Doubles]) -> Callable[[Any], Doubles]:
    """The four figures, and each of the first three less the fourth."""

    def statistic(times: Any) -> Doubles:
        values = figures(times)
        return np.concatenate([values, values[..., :3] - values[..., 3:]], axis=-1)

    return statistic
