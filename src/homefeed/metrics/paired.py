"""Is one contender better than another? Both are judged on the same users, so the difference is taken user by user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.metrics.intervals import RESAMPLES, Interval, Times, blocks, bootstrap

Array = npt.NDArray[np.float64]
FLIPS = 2000
_EQUAL = 1 - 1e-9
"""Sums of the same numbers in another order may differ in their last digits."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Of C contenders and M figures. ``figures``: [C][M]; ``ahead``: [C - 1][M], the first contender less each other; ``p``: float64[C - 1, M]."""

    figures: list[list[Interval]]
    ahead: list[list[Interval]]
    p: Array


def compare(parts: Array, weights: Array, rng: np.random.Generator, n: int = RESAMPLES) -> Compared:
    """``parts`` float64[C, M, U] and ``weights`` float64[M, U]: a figure is the sum of its parts over that of its weights, which all contenders share.

    Figures and differences come from the same resamples of users. A contender without a figure has NaN for parts.
    """
    contenders, metrics, users = parts.shape
    columns = parts.reshape(-1, users).T

    def statistic(times: Times) -> Array:
        below = (times @ weights.T)[:, None, :]
        above = (times @ columns).reshape(len(times), contenders, metrics)
        figures = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
        return np.concatenate([figures, figures[:, :1] - figures[:, 1:]], 1).reshape(len(times), -1)

    intervals = bootstrap(statistic, users, rng, n)
    rows = [intervals[start : start + metrics] for start in range(0, len(intervals), metrics)]
    p = sign_flip_test((parts[:1] - parts[1:]).reshape(-1, users), rng).reshape(contenders - 1, metrics)
    return Compared(rows[:contenders], rows[contenders:], p)


def sign_flip_test(differences: Array, rng: np.random.Generator, n: int = FLIPS) -> Array:
    """float64[M]: two-sided p values of float64[M, U], one difference a user; NaN where a difference is.

    Were the two as good as each other, a user's difference could as well have had the other sign: how many of n random choices of all signs give a sum as
    far from 0 as the one that was seen? Fisher, The Design of Experiments, 1935; Smucker et al., CIKM 2007.
    """
    if not differences.size:
        return np.full(len(differences), np.nan)
    seen = np.abs(differences.sum(1))
    as_far = np.zeros(len(differences))
    for size in blocks(n, differences.shape[1]):
        signs = rng.integers(0, 2, (size, differences.shape[1])) * 2.0 - 1
        as_far += (np.abs(signs @ differences.T) >= seen * _EQUAL).sum(0)
    return np.where(np.isnan(seen), np.nan, (as_far + 1) / (n + 1))
