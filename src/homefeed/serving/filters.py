"""Which candidates may be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import CandidateSet
from homefeed.serving.stages import Visit

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """Items of the release."""

    def keep(self, visit: Visit, candidates: CandidateSet) -> Mask:
        return candidates.item > 0


@dataclass(frozen=True, slots=True)
class Unique:
    """The first of each item."""

    def keep(self, visit: Visit, candidates: CandidateSet) -> Mask:
        mask = np.zeros(len(candidates), np.bool_)
        mask[np.unique(candidates.item, return_index=True)[1]] = True
        return mask


@dataclass(frozen=True, slots=True)
class Available:
    """Items on sale."""

    def keep(self, visit: Visit, candidates: CandidateSet) -> Mask:
        return visit.release.bundle.available[candidates.item]


@dataclass(frozen=True, slots=True)
class Unseen:
    """Items that a known user has not clicked, where the release leaves those out."""

    def keep(self, visit: Visit, candidates: CandidateSet) -> Mask:
        seen = visit.release.bundle.seen.of(visit.user_row)
        return np.isin(candidates.item, seen, invert=True) if len(seen) else np.ones(len(candidates), np.bool_)
