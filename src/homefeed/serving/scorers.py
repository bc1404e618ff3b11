"""What orders candidates."""

from __future__ import annotations

from dataclasses import dataclass

from homefeed.core.candidates import CandidateSet, Scores
from homefeed.serving.stages import Visit


@dataclass(frozen=True, slots=True)
class ClickScorer:
    """pCTR of the release's ranker; a stranger is scored by tags where there are some, by the unknown user otherwise."""

    def score(self, visit: Visit, candidates: CandidateSet) -> Scores:
        guest = visit.tags if visit.user_row == 0 else None
        return visit.release.ranker.score(candidates.item, visit.user_row, guest)
