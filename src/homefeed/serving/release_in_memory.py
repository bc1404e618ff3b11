"""One release, ready to answer: its bundle and what is computed from it once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import Rows
from homefeed.core.release import REQUEST
from homefeed.serving.degraded import RANK_SERVICE, TAGS
from homefeed.serving.guests import GuestReader
from homefeed.serving.rank_service import RankService
from homefeed.serving.tower_service import TowerService

RANKED = 100
"""Candidates that are scored; a slate's pages run over all of them."""
POOL = 1000
"""Items that a bundle's source offers before filters: enough for the longest answer after sold-out and seen items are gone."""


@dataclass(frozen=True, slots=True)
class ReleaseInMemory:
    """``rest``: int32[R], rows of items on sale beside the hot ones, hottest first. ``on_sale``: how many items are on sale."""

    bundle: Bundle
    ranker: RankService
    towers: TowerService
    guests: GuestReader
    rest: Rows
    on_sale: int

    @property
    def id(self) -> str:
        return self.bundle.release.id

    @property
    def finds_candidates(self) -> bool:
        """Whether those of known users are found at request time, for want of lists."""
        return self.bundle.release.candidates == REQUEST

    def reasons(self) -> dict[str, str]:
        """Why a model is out, by its part's name in ``degraded``; empty where both work."""
        failures = {RANK_SERVICE: self.ranker.failure, TAGS: self.towers.failure}
        return {part: failure for part, failure in failures.items() if failure}

    @classmethod
    def of(cls, bundle: Bundle) -> ReleaseInMemory:
        """Raises ``ArtifactError`` where the bundle's parts do not fit each other."""
        rest = _rest(bundle)
        return cls(bundle, RankService(bundle), TowerService(bundle), GuestReader(bundle), rest, int(bundle.available[1:].sum()))


def _rest(bundle: Bundle) -> Rows:
    others = bundle.available.copy()
    others[0] = False
    others[bundle.hot[:POOL]] = False
    hottest_first = np.argsort(-bundle.hotness, kind="stable")
    return hottest_first[others[hottest_first]].astype(np.int32)
