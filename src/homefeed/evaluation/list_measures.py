"""Which numbers are taken of lists, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from homefeed.evaluation.report import Stage
from homefeed.metrics.ranking import Counts, Hits, Values, hit_rate_at_k, mrr_at_k, ndcg_at_k, recall_at_k


@dataclass(frozen=True, slots=True)
class Measure:
    """One number a user; ``k`` places count."""

    name: str
    function: Callable[[Hits, Counts, int], Values]
    k: int

    @property
    def key(self) -> str:
        return f"{self.name}_at_{self.k}"


@dataclass(frozen=True, slots=True)
class StageMeasures:
    """``lead`` decides. ``coverage_k``: places that count for coverage. ``item_k``: for recall of a group of items."""

    lead: str
    measures: tuple[Measure, ...]
    coverage_k: tuple[int, ...]
    item_k: tuple[int, ...]


VARIETY_K = 10
"""Places that count for Gini, novelty, diversity and the share of places that a group of items gets."""
GINI, NOVELTY, DIVERSITY, PLACES = (f"{name}_at_{VARIETY_K}" for name in ("gini", "novelty", "diversity", "share_of_places"))
MEASURES: dict[Stage, StageMeasures] = {
    "recall": StageMeasures(
        "recall_at_50",
        (
            Measure("recall", recall_at_k, 10),
            Measure("recall", recall_at_k, 50),
            Measure("recall", recall_at_k, 100),
            Measure("ndcg", ndcg_at_k, 10),
            Measure("ndcg", ndcg_at_k, 50),
            Measure("mrr", mrr_at_k, 50),
            Measure("hit_rate", hit_rate_at_k, 10),
            Measure("hit_rate", hit_rate_at_k, 50),
        ),
        (10, 50),
        (10, 50),
    ),
    "slate": StageMeasures(
        "ndcg_at_10",
        (Measure("ndcg", ndcg_at_k, 10), Measure("recall", recall_at_k, 10), Measure("hit_rate", hit_rate_at_k, 10), Measure("mrr", mrr_at_k, 10)),
        (10,),
        (10,),
    ),
}
