"""The request, as it runs: who comes, candidates, filters, scores, page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homefeed.core.candidates import SOURCES, CandidateSet
from homefeed.core.slate import Request, Slate, SlateItem, Stage
from homefeed.serving.filters import Available, Known, Unique, Unseen
from homefeed.serving.rank_service import RankerUnavailableError
from homefeed.serving.releases import Releases
from homefeed.serving.scorers import ClickScorer
from homefeed.serving.sources import HotSource, ListSource, TagSource
from homefeed.serving.stages import Filter, Scorer, Source, Visit
from homefeed.serving.visits import RANK_SERVICE, Reception
from homefeed.store.base import ReleaseReader

RANKED = 100
"""Candidates that are scored; a slate's pages run over all of them."""
RECALLED = 1000
"""Candidates that /recall pages over."""


@dataclass(frozen=True, slots=True)
class RecommendPipeline:
    """``sources``: the first one with something to show answers."""

    reception: Reception
    sources: Sequence[Source]
    filters: Sequence[Filter]
    scorer: Scorer

    def recommend(self, request: Request) -> Slate:
        """Recall, rank, page. Raises ``NoReleaseError``."""
        visit = self.reception.receive(request, RANKED)
        candidates = self._candidates(visit).page(0, RANKED)
        try:
            ranked = candidates.with_scores(self.scorer.score(visit, candidates)).sorted_by_score()
        except RankerUnavailableError:
            return _slate("rank", visit, candidates, (*visit.degraded, RANK_SERVICE))
        return _slate("rank", visit, ranked, visit.degraded)

    def recall(self, request: Request) -> Slate:
        """Candidates in recall order, paged. Raises ``NoReleaseError``."""
        visit = self.reception.receive(request, RECALLED)
        return _slate("recall", visit, self._candidates(visit), visit.degraded)

    def _candidates(self, visit: Visit) -> CandidateSet:
        for source in self.sources:
            candidates = source.fetch(visit)
            for rule in self.filters:
                candidates = candidates.take(rule.keep(visit, candidates))
            if len(candidates):
                break
        return candidates


def standard_pipeline(reader: ReleaseReader, releases: Releases) -> RecommendPipeline:
    """The stages in their order."""
    sources = (ListSource(), TagSource(), HotSource())
    return RecommendPipeline(Reception(reader, releases), sources, (Known(), Unique(), Available(), Unseen()), ClickScorer())


def _slate(stage: Stage, visit: Visit, ordered: CandidateSet, degraded: tuple[str, ...]) -> Slate:
    request, ids = visit.request, visit.release.bundle.items.ids
    page = ordered.page(request.offset, request.top_k)
    columns = zip(page.item.tolist(), page.score.tolist(), page.source.tolist(), strict=True)
    items = tuple(SlateItem(ids[row], score, place, SOURCES[code]) for place, (row, score, code) in enumerate(columns, start=request.offset + 1))
    return Slate(request.request_id, request.uid, stage, items, visit.is_cold_start, visit.release.id, degraded)
