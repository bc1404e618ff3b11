"""Candidates: items still in the running, as immutable columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]

SOURCES = ("dssm", "hot", "tags", "i2i", "again", "fresh")
"""Where a candidate comes from; its place in this tuple is its code in the store and in ``CandidateSet.source``.

The recall model, what is hot, a guest's tags, items that are used together with the user's own, the user's own once more, and new items of which
little is known.
"""
DSSM, HOT, TAGS, ITEM_TO_ITEM, AGAIN, FRESH = range(len(SOURCES))


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """N candidates in order. Stages may keep, order and score them, never add, lose or edit one.

    ``item``: int32[N], rows of the release's item table. ``score``: float32[N]. ``source``: uint8[N], codes of ``SOURCES``. ``p_click``: float32[N], pCTR.
    """

    item: Rows
    score: Scores
    source: npt.NDArray[np.uint8]
    p_click: Scores

    def __len__(self) -> int:
        return len(self.item)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> CandidateSet:
        """Those at ``index`` (positions in the wanted order, or a mask)."""
        return CandidateSet(self.item[index], self.score[index], self.source[index], self.p_click[index])

    def followed_by(self, others: CandidateSet) -> CandidateSet:
        """These, then ``others``."""
        columns = ((getattr(self, name), getattr(others, name)) for name in self.__slots__)
        return CandidateSet(*(np.concatenate(pair) for pair in columns))

    def with_scores(self, score: Scores, p_click: Scores) -> CandidateSet:
        return replace(self, score=score, p_click=p_click)

    def sorted_by_score(self) -> CandidateSet:
        """Highest score first; equal scores keep their order."""
        return self.take(np.argsort(-self.score, kind="stable"))

    def page(self, offset: int, size: int) -> CandidateSet:
        stop = offset + size
        return CandidateSet(self.item[offset:stop], self.score[offset:stop], self.source[offset:stop], self.p_click[offset:stop])
