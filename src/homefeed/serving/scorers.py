"""What orders candidates."""

from __future__ import annotations

from dataclasses import dataclass

from homefeed.core.candidates import CandidateSet
from homefeed.serving.stages import Visit


@dataclass(frozen=True, slots=True)
class ClickScorer:
    """pCTR of the release's ranker, and the value that it and the candidates' order make.

    A stranger is scored by tags where there are some, by the unknown user otherwise.
    """

    def score(self, visit: Visit, candidates: CandidateSet) -> CandidateSet:
        guest, ranker = visit.tags if visit.user_row == 0 else None, visit.release.ranker
        p_click = ranker.score(candidates.item, visit.user_row, guest)
        return candidates.with_scores(ranker.value(p_click), p_click)
