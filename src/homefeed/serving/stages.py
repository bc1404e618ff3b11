"""The kinds of stage a request runs through. A filter answers a mask, a scorer scores: none can add, lose or edit items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import CandidateSet, Rows
from homefeed.core.slate import Request
from homefeed.features.entities import EntityTable
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.store.base import ListRead

NOTHING: Rows = np.zeros(0, np.int32)
EXCLUDE = "exclude"
"""The seen policy that shows nobody again what they have clicked."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request beside the release that answers it.

    ``user_row``: row of the release's user table, 0 for a stranger.
    ``tags``: a guest's, as a one-row table, None where the shop knows no tag of theirs.
    ``listed``: what the store answered, None where it was not asked, did not answer, or spoke of a release that is not here.
    ``degraded``: the parts that could not do their work.
    ``recent``: int32[L], rows of what the visitor has clicked since the log was written, oldest first.
    """

    request: Request
    release: ReleaseInMemory
    user_row: int = 0
    tags: EntityTable | None = None
    listed: ListRead | None = None
    degraded: tuple[str, ...] = ()
    recent: Rows = field(default_factory=lambda: NOTHING)

    @property
    def just_clicked(self) -> Rows:
        """Of ``recent``, what is not to be shown again."""
        return self.recent if len(self.recent) and self.release.bundle.release.seen_policy == EXCLUDE else NOTHING

    @property
    def not_again(self) -> Rows:
        """int32: rows that are not to be shown to this visitor."""
        seen, fresh = self.release.bundle.seen.of(self.user_row), self.just_clicked
        return np.concatenate([seen, fresh]) if len(fresh) else seen

    @property
    def has_list(self) -> bool:
        return self.listed is not None and len(self.listed.item_ids) > 0

    @property
    def is_cold_start(self) -> bool:
        """Nothing is known of this user, or there should be a list and is none. A known user whose list cannot be read is not cold."""
        return self.user_row == 0 or (not self.release.finds_candidates and self.listed is not None and not self.listed.item_ids)

    @property
    def asks_the_model(self) -> bool:
        """Whether candidates are found now, by fresh clicks or since the release has no lists."""
        return len(self.recent) > 0 or (self.user_row > 0 and self.release.finds_candidates)


class Source(Protocol):
    def fetch(self, visit: Visit) -> CandidateSet:
        """Candidates, best first; empty where this source has nothing for the visit."""
        ...


class Filter(Protocol):
    def keep(self, visit: Visit, candidates: CandidateSet) -> npt.NDArray[np.bool_]:
        """bool[N]: which candidates stay."""
        ...


class Scorer(Protocol):
    def score(self, visit: Visit, candidates: CandidateSet) -> CandidateSet:
        """The same candidates in the same order with their scores, higher is better. Raises ``RankerUnavailableError`` when it cannot."""
        ...
