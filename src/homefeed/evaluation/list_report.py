"""Ranked lists against future clicks: the recall stage over the full catalogue, and the slate that a user is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.protocol import Mask, Protocol
from homefeed.evaluation.report import Curve, Figure, Figures, Segment, Stage, StageReport
from homefeed.evaluation.segments import by_segment
from homefeed.metrics.beyond_accuracy import coverage_at_k
from homefeed.metrics.intervals import Interval, bootstrap_means
from homefeed.metrics.ranking import Counts, Hits, RankedRows, Values, hit_rate_at_k, hits, mrr_at_k, ndcg_at_k, recall_at_k

Lists = Mapping[str, RankedRows]
"""By contender, the measured one first."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number a user; ``k`` places count."""

    name: str
    function: Callable[[Hits, Counts, int], Values]
    k: int

    @property
    def key(self) -> str:
        return f"{self.name}_at_{self.k}"


RECALL_MEASURES = (
    Measure("recall", recall_at_k, 10),
    Measure("recall", recall_at_k, 50),
    Measure("recall", recall_at_k, 100),
    Measure("ndcg", ndcg_at_k, 10),
    Measure("hit_rate", hit_rate_at_k, 50),
)
SLATE_MEASURES = (
    Measure("ndcg", ndcg_at_k, 10),
    Measure("recall", recall_at_k, 10),
    Measure("hit_rate", hit_rate_at_k, 10),
    Measure("mrr", mrr_at_k, 10),
)
LEAD: dict[Stage, str] = {"recall": "recall_at_50", "slate": "ndcg_at_10"}
COVERAGE_K: dict[Stage, int] = {"recall": 100, "slate": 10}


def recall_report(protocol: Protocol, lists: Lists, rng: np.random.Generator) -> StageReport:
    return _lists_report("recall", protocol, lists, RECALL_MEASURES, rng)


def slate_report(protocol: Protocol, lists: Lists, rng: np.random.Generator) -> StageReport:
    return _lists_report("slate", protocol, lists, SLATE_MEASURES, rng)


def _lists_report(stage: Stage, protocol: Protocol, lists: Lists, measures: Sequence[Measure], rng: np.random.Generator) -> StageReport:
    """Each list is int32[U, K]."""
    hit = {name: hits(ranked, protocol.relevant) for name, ranked in lists.items()}
    counts = protocol.relevant.counts()
    values = np.stack([[m.function(h, counts, m.k) for m in measures] for h in hit.values()])
    coverage_key = f"coverage_at_{COVERAGE_K[stage]}"

    def measure(name: str, mask: Mask) -> Segment:
        coverage = {c: Figure(coverage_at_k(ranked[mask], len(protocol.catalogue), COVERAGE_K[stage])) for c, ranked in lists.items()}
        segment = _segment(name, counts[mask], values[:, :, mask], tuple(lists), measures, rng)
        return replace(segment, figures={c: {**figures, coverage_key: coverage[c]} for c, figures in segment.figures.items()})

    metrics = (*(m.key for m in measures), coverage_key)
    return StageReport(stage, next(iter(lists)), LEAD[stage], metrics, by_segment(protocol.warm, measure), _curves(hit, counts))


def _segment(name: str, counts: Counts, values: Values, contenders: Sequence[str], measures: Sequence[Measure], rng: np.random.Generator) -> Segment:
    """``values``: float64[contenders, measures, users]. All figures of a segment come from the same resamples, differences included."""
    both = np.concatenate([values, values[:1] - values[1:]])
    intervals = bootstrap_means(both.reshape(-1, values.shape[2]).T, rng)
    rows = [_figures(intervals[i : i + len(measures)], measures) for i in range(0, len(intervals), len(measures))]
    figures, ahead = dict(zip(contenders, rows, strict=False)), dict(zip(contenders[1:], rows[len(contenders) :], strict=True))
    return Segment(name, len(counts), int(counts.sum()), figures, ahead)


def _figures(intervals: Sequence[Interval], measures: Sequence[Measure]) -> Figures:
    return {m.key: Figure.of(interval) for m, interval in zip(measures, intervals, strict=True)}


def _curves(hit: Mapping[str, Hits], counts: Counts) -> tuple[Curve, ...]:
    """Mean recall over k = 1..K, over all users."""
    return tuple(_curve(name, (np.cumsum(h, 1) / counts[:, None]).mean(0)) for name, h in hit.items())


def _curve(name: str, recall: npt.NDArray[np.float64]) -> Curve:
    return Curve(name, tuple(float(k) for k in range(1, len(recall) + 1)), tuple(np.round(recall, 6).tolist()))
