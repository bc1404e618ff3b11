"""The request, as it runs: who comes, candidates, filters, scores, page. Whatever fails, the next rung of the ladder answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from homefeed.core.candidates import SOURCES, CandidateSet
from homefeed.core.slate import Request, Slate, SlateItem, Stage
from homefeed.serving.degraded import PIPELINE, RANK_SERVICE
from homefeed.serving.incidents import Incidents
from homefeed.serving.rank_service import RankerUnavailableError
from homefeed.serving.recent import recent_rows
from homefeed.serving.release_in_memory import POOL, RANKED
from homefeed.serving.releases import Releases
from homefeed.serving.scorers import ClickScorer
from homefeed.serving.sources import hot_candidates
from homefeed.serving.stages import Scorer, Visit
from homefeed.serving.stopwatch import PAGE, RECEIVE, SCORE, Stopwatch
from homefeed.serving.supplies import Supplies, standard_supplies
from homefeed.serving.visits import NoReleaseError, Reception
from homefeed.store.base import ReleaseReader

logger = logging.getLogger(__name__)

RECALLED = 1000
"""Candidates that /recall pages over."""


@dataclass(frozen=True, slots=True)
class RecommendPipeline:
    """``clock`` answers in seconds."""

    reception: Reception
    supplies: Supplies
    scorer: Scorer
    incidents: Incidents
    clock: Callable[[], float] = time.perf_counter

    def recommend(self, request: Request) -> Slate:
        """Recall, rank, page. Raises ``NoReleaseError``, and nothing else."""
        return self._answer("rank", request, self._ranked)

    def recall(self, request: Request) -> Slate:
        """Candidates in recall order, paged. Raises ``NoReleaseError``, and nothing else."""
        return self._answer("recall", request, self._recalled)

    def _answer(self, stage: Stage, request: Request, ask: Callable[[Request, Stopwatch], tuple[Visit, CandidateSet]]) -> Slate:
        watch = Stopwatch(self.clock)
        try:
            visit, ordered = ask(request, watch)
        except NoReleaseError:
            raise
        except Exception as error:
            if self.incidents.is_news(error):
                logger.exception("A request failed in a way that nobody foresaw; the hot list answers it")
            visit, ordered = _last_rung(self.reception, request, RANKED if stage == "rank" else RECALLED)
        return _slate(stage, visit, ordered, watch)

    def _ranked(self, request: Request, watch: Stopwatch) -> tuple[Visit, CandidateSet]:
        visit = self.reception.receive(request, RANKED)
        watch.lap(RECEIVE)
        filled = self.supplies.fill(visit, RANKED, watch)
        ranked = filled.candidates
        try:
            ranked = _by_score(self.scorer.score(visit, ranked), filled.own)
        except Exception as error:
            if not isinstance(error, RankerUnavailableError) and self.incidents.is_news(error):
                logger.exception("The ranker failed in a way that nobody foresaw; recall order answers")
            visit = replace(visit, degraded=(*visit.degraded, RANK_SERVICE))
        watch.lap(SCORE)
        return visit, ranked

    def _recalled(self, request: Request, watch: Stopwatch) -> tuple[Visit, CandidateSet]:
        visit = self.reception.receive(request, RECALLED)
        watch.lap(RECEIVE)
        return visit, self.supplies.first(visit, watch)


def standard_pipeline(reader: ReleaseReader, releases: Releases) -> RecommendPipeline:
    """The stages in their order."""
    return RecommendPipeline(Reception(reader, releases), standard_supplies(), ClickScorer(), Incidents())


def _by_score(scored: CandidateSet, own: int) -> CandidateSet:
    """The first ``own`` by score, then what fills up behind them by score."""
    if own == len(scored):
        return scored.sorted_by_score()
    return scored.page(0, own).sorted_by_score().followed_by(scored.page(own, len(scored)).sorted_by_score())


def _last_rung(reception: Reception, request: Request, size: int) -> tuple[Visit, CandidateSet]:
    """What is hot, from tables that were checked when they were loaded, through none of the stages; what a visitor was promised holds here too."""
    release = reception.current()
    recent = recent_rows(release.ranker, request.recent)
    visit = Visit(request, release, release.ranker.user_row(request.uid), degraded=(PIPELINE,), recent=recent)
    hot = hot_candidates(np.concatenate([release.bundle.hot[:POOL], release.rest]))
    on_sale = hot.take(release.bundle.available[hot.item])
    unseen = on_sale.take(np.isin(on_sale.item, visit.not_again, invert=True))
    return visit, (unseen if len(unseen) else on_sale).page(0, size)


def _slate(stage: Stage, visit: Visit, ordered: CandidateSet, watch: Stopwatch) -> Slate:
    request, release = visit.request, visit.release
    page, ids = ordered.page(request.offset, request.top_k), release.bundle.items.ids
    p_order: list[float] | list[None] = [None] * len(page) if page.p_order is None else page.p_order.tolist()
    columns = zip(page.item.tolist(), page.score.tolist(), page.source.tolist(), page.p_click.tolist(), p_order, strict=True)
    items = tuple(SlateItem(ids[row], score, place, SOURCES[code], *chances) for place, (row, score, code, *chances) in enumerate(columns, request.offset + 1))
    promised = min(request.top_k, min(RANKED, release.on_sale) - request.offset)
    is_short = stage == "rank" and len(items) < promised
    watch.lap(PAGE)
    return Slate(request.request_id, request.uid, stage, items, visit.is_cold_start, release.id, visit.degraded, is_short, watch.seconds)
