"""Ranked lists against future clicks: the recall stage over the full catalogue, and the slate that a user is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.comparison import best_baseline, compared
from homefeed.evaluation.item_report import item_metrics, item_report
from homefeed.evaluation.list_measures import DIVERSITY, GINI, MEASURES, NOVELTY, VARIETY_K
from homefeed.evaluation.listed import Listed
from homefeed.evaluation.protocol import Mask
from homefeed.evaluation.report import Curve, Figure, Segment, StageReport
from homefeed.evaluation.segments import by_segment
from homefeed.metrics.beyond_accuracy import coverage_at_k, diversity_at_k, exposure, gini, novelty_at_k
from homefeed.metrics.intervals import bootstrap_means
from homefeed.metrics.ranking import RankedRows

Values = npt.NDArray[np.float64]


def list_report(given: Listed, rng: np.random.Generator) -> StageReport:
    wanted = MEASURES[given.stage]
    accuracy = np.stack([[m.function(hit, given.counts, m.k) for m in wanted.measures] for hit in given.hits.values()])
    variety = np.hstack([_variety_values(given, ranked) for ranked in given.lists.values()])

    def measure(name: str, mask: Mask) -> Segment:
        segment = _accuracy(given, name, mask, accuracy[:, :, mask], rng)
        beyond = _beyond_accuracy(given, mask, variety[mask], rng)
        return replace(segment, figures={c: {**figures, **beyond[c]} for c, figures in segment.figures.items()})

    metrics = (*(m.key for m in wanted.measures), *(f"coverage_at_{k}" for k in wanted.coverage_k), GINI, NOVELTY, DIVERSITY)
    return StageReport(
        stage=given.stage,
        ours=given.ours[0],
        also_ours=tuple(given.ours[1:]),
        lead=wanted.lead,
        metrics=metrics,
        item_metrics=item_metrics(given.stage),
        segments=by_segment(given.catalogue.users, measure),
        item_segments=item_report(given, rng),
        curves=_curves(given),
    )


def _accuracy(given: Listed, name: str, mask: Mask, values: Values, rng: np.random.Generator) -> Segment:
    """``values``: float64[contenders, measures, users of the segment]. All figures come from the same resamples, differences included."""
    counts, measures = given.counts[mask], [m.key for m in MEASURES[given.stage].measures]
    figures, ahead = compared(tuple(given.lists), measures, values, np.ones(values.shape[1:]), rng)
    return Segment(name, len(counts), int(counts.sum()), figures, ahead, best_baseline(figures, given.ours, MEASURES[given.stage].lead))


def _variety_values(given: Listed, ranked: RankedRows) -> Values:
    """float64[U, 2]: novelty and diversity of each user's list."""
    novelty, diversity = novelty_at_k(ranked, given.catalogue.information, VARIETY_K), diversity_at_k(ranked, given.catalogue.tags, VARIETY_K)
    return np.column_stack([novelty, diversity])


def _beyond_accuracy(given: Listed, mask: Mask, variety: Values, rng: np.random.Generator) -> dict[str, dict[str, Figure]]:
    """``variety``: float64[users of the segment, 2 a contender]."""
    intervals = bootstrap_means(variety, rng)
    shared = {name: _shared(given, ranked[mask]) for name, ranked in given.lists.items()}
    return {
        name: {**shared[name], NOVELTY: Figure.of(novelty), DIVERSITY: Figure.of(diversity)}
        for name, novelty, diversity in zip(given.lists, intervals[::2], intervals[1::2], strict=True)
    }


def _shared(given: Listed, ranked: RankedRows) -> dict[str, Figure]:
    """How the places are shared among the catalogue: figures of all lists together, not of each."""
    catalogue = given.catalogue
    coverage = {f"coverage_at_{k}": Figure(coverage_at_k(ranked, len(catalogue.rows), k)) for k in MEASURES[given.stage].coverage_k}
    unequal = gini(exposure(ranked, len(catalogue.information), VARIETY_K)[catalogue.rows])
    return {**coverage, GINI: Figure(None if np.isnan(unequal) else unequal)}


def _curves(given: Listed) -> tuple[Curve, ...]:
    """Mean recall over k = 1..K, over all users."""
    return tuple(_curve(name, (np.cumsum(hit, 1) / given.counts[:, None]).mean(0)) for name, hit in given.hits.items())


def _curve(name: str, recall: Values) -> Curve:
    return Curve(name, tuple(float(k) for k in range(1, len(recall) + 1)), tuple(np.round(recall, 6).tolist()))
