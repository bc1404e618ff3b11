"""The kinds of stage a request runs through. A filter answers a mask, a scorer scores: none can add, lose or edit items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import CandidateSet, Scores
from homefeed.core.slate import Request


@dataclass(frozen=True, slots=True)
class Visit:
    """One request beside the release that answers it. ``user_row``: row of the bundle's user table, 0 for a stranger."""

    request: Request
    bundle: Bundle
    user_row: int


class Filter(Protocol):
    def keep(self, visit: Visit, candidates: CandidateSet) -> npt.NDArray[np.bool_]:
        """bool[N]: which candidates stay."""
        ...


class Scorer(Protocol):
    def score(self, visit: Visit, candidates: CandidateSet) -> Scores:
        """float32[N], higher is better."""
        ...
