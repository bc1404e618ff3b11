"""How sure a figure is: 95 % intervals from resampling users, whose rows belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
"""float64[S, U]: how often each user is in each of S samples; all ones is the data itself."""
Statistic = Callable[[Times], npt.NDArray[np.float64]]
"""float64[S, M]: M figures of each sample."""
RESAMPLES = 1000
BLOCK = 4_000_000
"""Users times samples that are held at once: 32 MB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure of the data and where 95 % of its resamples lie."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: npt.NDArray[np.float64], rng: np.random.Generator, n: int = RESAMPLES) -> Interval:
    """The mean of float64[U], one value a user."""
    return bootstrap_means(values[:, None], rng, n)[0]


def bootstrap_means(values: npt.NDArray[np.float64], rng: np.random.Generator, n: int = RESAMPLES) -> list[Interval]:
    """The means of the M columns of float64[U, M], all from the same resamples; a NaN is left out of its column's mean."""
    known = ~np.isnan(values)
    return bootstrap(ratio_of_sums(np.where(known, values, 0.0), known.astype(np.float64)), len(values), rng, n)


def bootstrap(statistic: Statistic, n_users: int, rng: np.random.Generator, n: int = RESAMPLES) -> list[Interval]:
    """An interval for each of a statistic's M figures, from n samples of ``n_users`` users drawn with replacement.

    A figure that no sample has is NaN. Efron, Bootstrap Methods: Another Look at the Jackknife, 1979.
    """
    figures = statistic(np.ones((1, n_users)))[0]
    if not n_users:
        return [Interval(float(f), float("nan"), float("nan")) for f in figures]
    samples = np.concatenate([statistic(times) for times in _samples(n_users, rng, n)])
    return [_interval(float(figure), samples[:, i]) for i, figure in enumerate(figures)]


def ratio_of_sums(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Statistic:
    """Sums over users of one [U, M] over those of another: log loss by rows, GAUC by its weights, means."""

    def ratio(times: Times) -> npt.NDArray[np.float64]:
        below = times @ denominator
        figures = np.full(below.shape, np.nan)
        np.divide(times @ numerator, below, out=figures, where=below > 0)
        return figures

    return ratio


def blocks(total: int, width: int) -> Iterator[int]:
    """Sizes that add up to ``total``, each small enough that a block of them, ``width`` wide, fits into memory."""
    size = max(BLOCK // max(width, 1), 1)
    for start in range(0, total, size):
        yield min(size, total - start)


def _samples(n_users: int, rng: np.random.Generator, n: int) -> Iterator[Times]:
    for size in blocks(n, n_users):
        drawn = rng.integers(n_users, size=(size, n_users)) + n_users * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * n_users).reshape(size, n_users).astype(np.float64)


def _interval(figure: float, samples: npt.NDArray[np.float64]) -> Interval:
    known = samples[~np.isnan(samples)]
    if not len(known):
        return Interval(figure, float("nan"), float("nan"))
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(figure, float(low), float(high))
