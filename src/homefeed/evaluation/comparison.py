"""Figures of several contenders over the same users, as a report holds them: who leads, and whether that can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.report import Difference, Figure
from homefeed.metrics.paired import Compared, compare

Array = npt.NDArray[np.float64]
ByContender = dict[str, dict[str, Figure]]
Ahead = dict[str, dict[str, Difference]]


def compared(contenders: Sequence[str], metrics: Sequence[str], parts: Array, weights: Array, rng: np.random.Generator) -> tuple[ByContender, Ahead]:
    """``parts`` float64[contenders, metrics, users], ours first, and ``weights`` float64[metrics, users], as ``metrics.paired.compare`` takes them."""
    both = compare(parts, weights, rng)
    figures = {name: {m: Figure.of(i) for m, i in zip(metrics, row, strict=True)} for name, row in zip(contenders, both.figures, strict=True)}
    return figures, {name: _differences(metrics, both, place) for place, name in enumerate(contenders[1:])}


def best_baseline(figures: Mapping[str, Mapping[str, Figure]], ours: Sequence[str], lead: str) -> str | None:
    """The contender that is none of ``ours`` and has the highest ``lead``; None where there is none."""
    known = {name: value for name, row in figures.items() if name not in ours and (value := row[lead].value) is not None}
    return max(known, key=lambda name: known[name], default=None)


def _differences(metrics: Sequence[str], both: Compared, place: int) -> dict[str, Difference]:
    row = zip(metrics, both.ahead[place], both.p[place].tolist(), strict=True)
    return {metric: Difference.of(metric, interval, p) for metric, interval, p in row}
