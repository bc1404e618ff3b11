"""Candidates for a visit: sources in turn, each with the rules that its items go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homefeed.core.candidates import CandidateSet
from homefeed.serving.filters import Available, Known, NotJustClicked, Unique, Unseen
from homefeed.serving.fresh import with_fresh
from homefeed.serving.sources import HotSource, OwnSource, RestSource, TagSource, no_candidates
from homefeed.serving.stages import Filter, Source, Visit
from homefeed.serving.stopwatch import FILTER, RECALL, Stopwatch


@dataclass(frozen=True, slots=True)
class Supply:
    """One source and its rules."""

    source: Source
    filters: Sequence[Filter]

    def fetch(self, visit: Visit, watch: Stopwatch) -> CandidateSet:
        candidates = self.source.fetch(visit)
        watch.lap(RECALL)
        for rule in self.filters:
            candidates = candidates.take(rule.keep(visit, candidates))
        watch.lap(FILTER)
        return candidates


@dataclass(frozen=True, slots=True)
class Filled:
    """``own``: how many, from the start, the first supply with something to show gave; the others fill up behind them and are never ranked before them."""

    candidates: CandidateSet
    own: int


@dataclass(frozen=True, slots=True)
class Supplies:
    """``turns``: asked in this order. ``rest``: the last to fill up a slate. ``again``: for who has clicked all that is on sale; a feed is never empty."""

    turns: Sequence[Supply]
    rest: Supply
    again: Supply

    def first(self, visit: Visit, watch: Stopwatch) -> CandidateSet:
        """All that the first supply with something to show has."""
        for supply in (*self.turns, self.again):
            candidates = supply.fetch(visit, watch)
            if len(candidates):
                break
        return with_fresh(visit, candidates, watch)

    def fill(self, visit: Visit, size: int, watch: Stopwatch) -> Filled:
        """``size`` candidates, or all there are."""
        found, own = no_candidates(), 0
        for supply in (*self.turns, self.rest):
            if len(found) >= min(size, visit.release.on_sale):
                break
            found = _with_new_ones(found, supply.fetch(visit, watch)) if own else with_fresh(visit, supply.fetch(visit, watch), watch)
            own = own or len(found)
        if not own:
            found = self.again.fetch(visit, watch)
        return Filled(found.page(0, size), min(own or len(found), size))


def standard_supplies() -> Supplies:
    """An exported list has been through ``Unseen`` when it was made, not so what has been clicked since."""
    on_sale = (Known(), Unique(), Available())
    fresh = (*on_sale, Unseen())
    turns = (Supply(OwnSource(), (*on_sale, NotJustClicked())), Supply(TagSource(), fresh), Supply(HotSource(), fresh))
    return Supplies(turns, rest=Supply(RestSource(), fresh), again=Supply(HotSource(), on_sale))


def _with_new_ones(found: CandidateSet, others: CandidateSet) -> CandidateSet:
    if not len(found):
        return others
    return found.followed_by(others.take(np.isin(others.item, found.item, invert=True)))
