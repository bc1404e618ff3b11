"""Candidates: items still in the running, as immutable columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]

SOURCES = ("dssm", "hot", "tags", "i2i", "again", "fresh", "taste")
"""Where a candidate comes from; its place in this tuple is its code in the store and in ``CandidateSet.source``.

The recall model, what is hot, a guest's tags, items that are used together with the user's own, the user's own once more, new items of which
little is known, and what the ranker's factor model thinks highest of.
"""
DSSM, HOT, TAGS, ITEM_TO_ITEM, AGAIN, FRESH, TASTE = range(len(SOURCES))


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """N candidates in order. Stages may keep, order and score them, never add, lose or edit one.

    ``item``: int32[N], rows of the release's item table. ``score``: float32[N]. ``source``: uint8[N], codes of ``SOURCES``. ``p_click``: float32[N], pCTR.
    ``p_order``: float32[N], pCVR, the chance of an order once it is clicked; None where the ranker knows no orders.
    """

    item: Rows
    score: Scores
    source: npt.NDArray[np.uint8]
    p_click: Scores
    p_order: Scores | None = None

    def __len__(self) -> int:
        return len(self.item)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> CandidateSet:
        """Those at ``index`` (positions in the wanted order, or a mask)."""
        return self._part(index)

    def followed_by(self, others: CandidateSet) -> CandidateSet:
        """These, then ``others``; chances of orders where both have them."""
        item, score, source, p_click = (np.concatenate([getattr(self, name), getattr(others, name)]) for name in ("item", "score", "source", "p_click"))
        p_order = None if self.p_order is None or others.p_order is None else np.concatenate([self.p_order, others.p_order])
        return CandidateSet(item, score, source, p_click, p_order)

    def with_scores(self, score: Scores, p_click: Scores, p_order: Scores | None = None) -> CandidateSet:
        return replace(self, score=score, p_click=p_click, p_order=p_order)

    def sorted_by_score(self) -> CandidateSet:
        """Highest score first; equal scores keep their order."""
        return self.take(np.argsort(-self.score, kind="stable"))

    def page(self, offset: int, size: int) -> CandidateSet:
        return self._part(slice(offset, offset + size))

    def _part(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> CandidateSet:
        p_order = None if self.p_order is None else self.p_order[index]
        return CandidateSet(self.item[index], self.score[index], self.source[index], self.p_click[index], p_order)
