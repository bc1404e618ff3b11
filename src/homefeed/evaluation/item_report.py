"""Which items the lists are good at: recall of the new, the middling and the hot ones among what users went on to click."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.comparison import best_baseline, compared
from homefeed.evaluation.list_measures import MEASURES, PLACES, VARIETY_K
from homefeed.evaluation.listed import Listed
from homefeed.evaluation.protocol import Mask, Protocol
from homefeed.evaluation.report import Figure, Segment, Stage
from homefeed.metrics.ranking import Counts, recall_at_k


def item_metrics(stage: Stage) -> tuple[str, ...]:
    return (*(f"recall_at_{k}" for k in MEASURES[stage].item_k), PLACES)


def item_report(given: Listed, rng: np.random.Generator) -> tuple[Segment, ...]:
    """One segment a group of items, over the users to whom one of them is relevant; only those of its items count as relevant."""
    return tuple(_segment(given, name, group, rng) for name, group in given.catalogue.items.items())


def _segment(given: Listed, name: str, group: Mask, rng: np.random.Generator) -> Segment:
    counts = _relevant_of(group, given.protocol)
    asked = counts > 0
    if not asked.any():
        return Segment(name, 0, 0, {}, {})
    found = {c: (given.hits[c] & group[np.maximum(ranked, 0)])[asked] for c, ranked in given.lists.items()}
    values = np.stack([[recall_at_k(f, counts[asked], k) for k in MEASURES[given.stage].item_k] for f in found.values()])
    metrics = item_metrics(given.stage)[:-1]
    figures, ahead = compared(tuple(given.lists), metrics, values, np.ones(values.shape[1:]), rng)
    with_places = {c: {**figures[c], PLACES: Figure(_share_of_places(group, ranked))} for c, ranked in given.lists.items()}
    return Segment(name, int(asked.sum()), int(counts.sum()), with_places, ahead, best_baseline(figures, given.ours, metrics[-1]))


def _relevant_of(group: Mask, protocol: Protocol) -> Counts:
    """int64[U]: relevant items of each user that are of the group."""
    user = np.repeat(np.arange(len(protocol)), protocol.relevant.counts())
    return np.bincount(user, group[protocol.relevant.items], len(protocol)).astype(np.int64)


def _share_of_places(group: Mask, ranked: npt.NDArray[np.int32]) -> float | None:
    shown = ranked[:, :VARIETY_K][ranked[:, :VARIETY_K] > 0]
    return float(group[shown].mean()) if len(shown) else None
