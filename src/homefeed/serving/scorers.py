"""What orders candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homefeed.core.candidates import FRESH, CandidateSet, Scores
from homefeed.serving.stages import Visit

PLACE_OF_FRESH = 10
"""A fresh item's place in the list was drawn and means nothing. Its pCTR has to beat the item at the end of the first page, whatever the order is worth."""


@dataclass(frozen=True, slots=True)
class ClickScorer:
    """pCTR of the release's ranker, and the value that it and the candidates' order make; with pCVR, where it knows orders, what the shop declares.

    A stranger is scored by tags where there are some, by the unknown user otherwise.
    """

    def score(self, visit: Visit, candidates: CandidateSet) -> CandidateSet:
        guest, ranker = visit.tags if visit.user_row == 0 else None, visit.release.ranker
        p_click, p_order = ranker.chances(candidates.item, visit.user_row, guest)
        chance = ranker.value(p_click, _places(candidates))
        score = chance if p_order is None else ranker.declared_value(candidates.item, chance, p_order)
        return candidates.with_scores(score, p_click, p_order)


def _places(candidates: CandidateSet) -> Scores:
    """float32[N]: what the slate's value takes for each candidate's place."""
    return np.where(candidates.source == FRESH, PLACE_OF_FRESH, np.arange(1, len(candidates) + 1)).astype(np.float32)
