"""Where candidates come from online: fresh clicks, the user's exported list, tags, or what is hot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import DSSM, HOT, SOURCES, TAGS, CandidateSet, Rows
from homefeed.models.tower import NOTHING_YET
from homefeed.serving.guests import one_user
from homefeed.serving.recent import history_with
from homefeed.serving.release_in_memory import POOL
from homefeed.serving.stages import Visit

BEFORE_LIST = 50
"""Items found by fresh clicks before those of the list, half of what is ranked: one click does not outweigh all that is known."""


@dataclass(frozen=True, slots=True)
class OwnSource:
    """The list that the last export wrote for this user. Before it, or in its place where the release has no lists, what the recall model finds now."""

    def fetch(self, visit: Visit) -> CandidateSet:
        listed = _listed(visit)
        if not visit.asks_the_model or visit.release.towers.failure:
            return listed
        bundle = visit.release.bundle
        user = one_user(bundle.users, visit.user_row) if visit.tags is None else visit.tags
        history = history_with(bundle.lately, visit.user_row, visit.recent)
        rows = visit.release.towers.best_items(user, history, visit.not_again, BEFORE_LIST if len(listed) else POOL)
        return candidates_of(rows, DSSM).followed_by(listed)


@dataclass(frozen=True, slots=True)
class TagSource:
    """The recall model's user tower against all items: for a guest with tags, and behind the list of a user whose list is short."""

    def fetch(self, visit: Visit) -> CandidateSet:
        tags = visit.release.guests.of_user(visit.user_row) if visit.has_list else visit.tags
        if tags is None or visit.release.towers.failure:
            return no_candidates()
        rows = visit.release.towers.best_items(tags, NOTHING_YET, visit.not_again, POOL)
        return candidates_of(rows, TAGS)


@dataclass(frozen=True, slots=True)
class HotSource:
    """The release's hot list: for strangers, and for everyone whose list cannot be read."""

    def fetch(self, visit: Visit) -> CandidateSet:
        return hot_candidates(visit.release.bundle.hot[:POOL])


@dataclass(frozen=True, slots=True)
class RestSource:
    """All that is on sale beside the hot list, hottest first: a slate is short only where the shop has nothing more."""

    def fetch(self, visit: Visit) -> CandidateSet:
        return hot_candidates(visit.release.rest)


def no_candidates() -> CandidateSet:
    return candidates_of(np.empty(0, np.int32), DSSM)


def hot_candidates(rows: Rows) -> CandidateSet:
    return candidates_of(rows, HOT)


def candidates_of(rows: Rows, source: int) -> CandidateSet:
    """All from one source."""
    return _candidates(rows, np.full(len(rows), source, np.uint8))


def _listed(visit: Visit) -> CandidateSet:
    """The list, read with the release id in one MULTI when the visit began. One that lies beside a release without lists is nobody's."""
    if visit.listed is None or not visit.listed.item_ids or visit.release.finds_candidates:
        return no_candidates()
    rows = visit.release.ranker.item_rows(visit.listed.item_ids)
    return _candidates(rows, _source_codes(visit.listed.sources, len(rows)))


def _source_codes(sources: bytes, n: int) -> npt.NDArray[np.uint8]:
    """uint8[n] codes of ``SOURCES``; an item without a legible code counts as the recall model's."""
    codes = np.frombuffer(sources[:n].ljust(n, b"0"), np.uint8) - ord("0")
    return np.where(codes < len(SOURCES), codes, DSSM).astype(np.uint8)


def _candidates(rows: Rows, source: npt.NDArray[np.uint8]) -> CandidateSet:
    unscored = np.zeros(len(rows), np.float32)
    return CandidateSet(rows, unscored, source, unscored)
