"""Where candidates come from online: the user's exported list, tags, or what is hot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import DSSM, HOT, SOURCES, TAGS, CandidateSet, Rows
from homefeed.features.encoder import encode
from homefeed.models.tower import user_vector
from homefeed.serving.stages import Visit

POOL = 1000
"""Items a bundle's source offers before filters: enough for the longest answer after sold-out and seen items are gone."""


@dataclass(frozen=True, slots=True)
class ListSource:
    """The list that the last export wrote for this user, read with the release id in one MULTI when the visit began."""

    def fetch(self, visit: Visit) -> CandidateSet:
        if visit.listed is None or not visit.listed.item_ids:
            return _nothing()
        rows = visit.release.ranker.item_rows(visit.listed.item_ids)
        return _candidates(rows, _source_codes(visit.listed.sources, len(rows)))


@dataclass(frozen=True, slots=True)
class TagSource:
    """For a guest with tags, and a known user whom the last export gave no list: the recall model's user tower against all items."""

    def fetch(self, visit: Visit) -> CandidateSet:
        if visit.tags is None:
            return _nothing()
        bundle, weights = visit.release.bundle, visit.release.bundle.recall
        vector = user_vector(weights, encode(visit.tags, weights.vocabulary, weights.user_scale, 0))
        rows = _top(bundle.item_vectors @ vector, POOL)
        return _candidates(rows, np.full(len(rows), TAGS, np.uint8))


@dataclass(frozen=True, slots=True)
class HotSource:
    """The release's hot list: for strangers, and for everyone whose list cannot be read."""

    def fetch(self, visit: Visit) -> CandidateSet:
        rows = visit.release.bundle.hot[:POOL]
        return _candidates(rows, np.full(len(rows), HOT, np.uint8))


def _top(score: npt.NDArray[np.float32], size: int) -> Rows:
    """int32[min(size, N - 1)]: rows with the highest scores, best first, never row 0 (the unknown item); equal scores in row order."""
    known = score[1:]
    best = np.argpartition(-known, size)[:size] if size < len(known) else np.arange(len(known))
    ordered = best[np.lexsort((best, -known[best]))]
    return (ordered + 1).astype(np.int32)


def _source_codes(sources: bytes, n: int) -> npt.NDArray[np.uint8]:
    """uint8[n] codes of ``SOURCES``; an item without a legible code counts as the recall model's."""
    codes = np.frombuffer(sources[:n].ljust(n, b"0"), np.uint8) - ord("0")
    return np.where(codes < len(SOURCES), codes, DSSM).astype(np.uint8)


def _candidates(rows: Rows, source: npt.NDArray[np.uint8]) -> CandidateSet:
    return CandidateSet(rows, np.zeros(len(rows), np.float32), source)


def _nothing() -> CandidateSet:
    return _candidates(np.empty(0, np.int32), np.empty(0, np.uint8))
