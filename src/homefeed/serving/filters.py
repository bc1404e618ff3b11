"""Which candidates may be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import CandidateSet, Rows
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
    """Items that the visitor has not clicked, where the release leaves those out."""

    def keep(self, visit: Visit, candidates: CandidateSet) -> Mask:
        return _without(candidates, visit.not_again)


@dataclass(frozen=True, slots=True)
class NotJustClicked:
    """The same for a list that had no item in it which the user had clicked when it was made."""

    def keep(self, visit: Visit, candidates: CandidateSet) -> Mask:
        return _without(candidates, visit.just_clicked)


def _without(candidates: CandidateSet, rows: Rows) -> Mask:
    return np.isin(candidates.item, rows, invert=True) if len(rows) else np.ones(len(candidates), np.bool_)
