"""Lists of several contenders for the same users, set against what those users went on to click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homefeed.evaluation.catalogue import Catalogue
from homefeed.evaluation.protocol import Protocol
from homefeed.evaluation.report import Stage
from homefeed.metrics.ranking import Counts, Hits, RankedRows, hits


@dataclass(frozen=True, slots=True)
class Listed:
    """``lists`` int32[U, K] and their ``hits`` by contender, the measured one first; ``ours``: the contenders that are no baselines."""

    stage: Stage
    protocol: Protocol
    catalogue: Catalogue
    lists: Mapping[str, RankedRows]
    hits: Mapping[str, Hits]
    ours: Sequence[str]

    @property
    def counts(self) -> Counts:
        return self.protocol.relevant.counts()


def listed(stage: Stage, protocol: Protocol, catalogue: Catalogue, ours: Mapping[str, RankedRows], baselines: Mapping[str, RankedRows]) -> Listed:
    lists = {**ours, **baselines}
    return Listed(stage, protocol, catalogue, lists, {name: hits(ranked, protocol.relevant) for name, ranked in lists.items()}, tuple(ours))
