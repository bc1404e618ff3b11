"""How sure a figure is: 95 % intervals from resampling users, whose rows belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
"""float64[U]: how often each user is in the sample; all ones is the data itself."""
Statistic = Callable[[Times], npt.NDArray[np.float64]]
"""float64[M] figures of a sample."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure of the data and where 95 % of its resamples lie."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: npt.NDArray[np.float64], rng: np.random.Generator, n: int = 1000) -> Interval:
    """The mean of float64[U], one value a user."""
    return bootstrap_means(values[:, None], rng, n)[0]


def bootstrap_means(values: npt.NDArray[np.float64], rng: np.random.Generator, n: int = 1000) -> list[Interval]:
    """The means of the M columns of float64[U, M], all from the same resamples."""
    return bootstrap(ratio_of_sums(values, np.ones_like(values)), len(values), rng, n)


def bootstrap(statistic: Statistic, n_users: int, rng: np.random.Generator, n: int = 1000) -> list[Interval]:
    """An interval for each of a statistic's M figures, from n samples of ``n_users`` users drawn with replacement.

    A figure that no sample has is NaN. Efron, Bootstrap Methods: Another Look at the Jackknife, 1979.
    """
    figures = statistic(np.ones(n_users))
    if not n_users:
        return [Interval(float(f), float("nan"), float("nan")) for f in figures]
    samples = np.array([statistic(np.bincount(rng.integers(n_users, size=n_users), minlength=n_users).astype(np.float64)) for _ in range(n)])
    return [_interval(float(figure), samples[:, i]) for i, figure in enumerate(figures)]


def ratio_of_sums(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Statistic:
    """Sums over users of one [U, M] over those of another: log loss by rows, GAUC by its weights, means."""

    def ratio(times: Times) -> npt.NDArray[np.float64]:
        below = times @ denominator
        figures = np.full(below.shape, np.nan)
        np.divide(times @ numerator, below, out=figures, where=below > 0)
        return figures

    return ratio


def auc_over_users(user: npt.NDArray[Any], label: npt.NDArray[Any], score: npt.NDArray[Any]) -> Statistic:
    """AUC over all rows (not by user) of a sample of users; sorted once, then linear in the N rows for each sample."""
    clicked = label > 0
    order = np.argsort(score[~clicked])
    others, user_of_other, user_of_click = score[~clicked][order], user[~clicked][order], user[clicked]
    lower, not_higher = (np.searchsorted(others, score[clicked], side) for side in ("left", "right"))

    def auc(times: Times) -> npt.NDArray[np.float64]:
        others_below = np.concatenate([[0.0], np.cumsum(times[user_of_other])])
        weight = times[user_of_click]
        won = weight @ (others_below[lower] + others_below[not_higher]) / 2
        pairs = weight.sum() * others_below[-1]
        return np.array([won / pairs if pairs > 0 else np.nan])

    return auc


def _interval(figure: float, samples: npt.NDArray[np.float64]) -> Interval:
    known = samples[~np.isnan(samples)]
    if not len(known):
        return Interval(figure, float("nan"), float("nan"))
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(figure, float(low), float(high))
