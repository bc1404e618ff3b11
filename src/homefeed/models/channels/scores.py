"""All channels of one moment: what each says about every item, for a block of users at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from torch import Tensor

from homefeed.features.history import Histories
from homefeed.models.channels.item_to_item import EASE_ITEMS, Matrix, cosine, ease, user_item
from homefeed.models.channels.names import AGAIN, DSSM, HOT, IN_VAIN, ITEM_TO_ITEM, LATELY_HOT, VIEWED_TOGETHER

Floats = npt.NDArray[np.float32]

UNSEEN_CLICKS = 0.05
SIMILARITY_SCALE = 100.0
"""Similarities enter as log(1 + 100 x): what counts is their order of magnitude, and none stays 0."""
EVENTS_A_USER = 500
"""The latest that count: pairs of items grow with the square of a history."""
HALF_LIVES = {HOT: 0.25, LATELY_HOT: 0.02}
"""Half-life of a click, as a share of the log's time span."""


@dataclass(frozen=True, slots=True)
class Channels:
    """``block`` scores all N items for some users; what a channel knows nothing about is 0.

    ``users``, ``items``: the recall model's vectors f32[U, d + 1], f32[N, d + 1]. ``for_all``: by channel f32[N], the same for everybody.
    ``by_user``: by channel f32[U, N] sparse. ``through_items``: by channel (what users have f32[U, N] sparse, similarity f32[N, N]).
    """

    users: Tensor
    items: Tensor
    for_all: Mapping[str, Floats]
    by_user: Mapping[str, Matrix]
    through_items: Mapping[str, tuple[Matrix, Matrix | Floats]]

    @property
    def names(self) -> tuple[str, ...]:
        return (DSSM, *self.for_all, *self.by_user, *self.through_items)

    def __len__(self) -> int:
        return len(self.users)

    def newcomers(self, part: slice) -> npt.NDArray[np.bool_]:
        """bool[users of the part]: who has done nothing yet, so that no channel but the recall model and what is hot can say anything."""
        told = [*self.by_user.values(), *(have for have, _ in self.through_items.values())]
        events = np.sum([np.diff(matrix.indptr[part.start : part.stop + 1]) for matrix in told], axis=0)
        return np.broadcast_to(events == 0, len(self.users[part]))

    def block(self, name: str, part: slice) -> Floats:
        """f32[users of the part, N]."""
        if name == DSSM:
            scores: Floats = (self.users[part] @ self.items.T).numpy()
            return scores
        if name in self.for_all:
            return np.broadcast_to(self.for_all[name], (len(self.users[part]), len(self.items))).copy()
        if name in self.by_user:
            own: Floats = self.by_user[name][part].toarray()
            return own
        have, similarity = self.through_items[name]
        found = have[part] @ similarity
        return _near(found.toarray() if sparse.issparse(found) else found)

    def told(self, name: str, part: slice) -> Matrix:
        """The same of a channel by user or through items as a sparse matrix: such channels know of few items."""
        if name in self.by_user:
            return self.by_user[name][part]
        have, similarity = self.through_items[name]
        found = sparse.csr_matrix(have[part] @ similarity)
        found.data = _near(found.data)
        return found


def channels_at(users: Tensor, items: Tensor, histories: Histories, rows: npt.NDArray[np.int64], *, again: bool) -> Channels:
    """Channels as of the histories' end for the users at ``rows``, whom ``users`` f32[len(rows), d + 1] is aligned with.

    ``again``: the shop shows again what a user has clicked.
    """
    n_items, clicked, lately = len(items), histories.clicked, histories.last(EVENTS_A_USER)
    clicks = user_item(lately, n_items, lately.clicked, fading=False)
    by_user = {AGAIN: user_item(histories, n_items, clicked, fading=True)[rows]} if again else {}
    through: dict[str, tuple[Matrix, Matrix | Floats]] = {ITEM_TO_ITEM: (clicks[rows], ease(clicks) if n_items <= EASE_ITEMS else cosine(clicks))}
    if not clicked.all():
        by_user[IN_VAIN] = user_item(histories, n_items, ~clicked, fading=False)[rows]
        all_rows = np.ones(len(lately.item), np.bool_)
        viewed = cosine(user_item(lately, n_items, all_rows, fading=False))
        through[VIEWED_TOGETHER] = (user_item(lately, n_items, all_rows, fading=True)[rows], viewed)
    return Channels(users, items, hot_channels(histories, n_items), by_user, through)


def hot_channels(histories: Histories, n_items: int) -> dict[str, Floats]:
    """By channel f32[N]."""
    return {name: _hot(histories, n_items, share) for name, share in HALF_LIVES.items()}


def _near(similarity: Floats) -> Floats:
    return np.log1p(np.float32(SIMILARITY_SCALE) * np.maximum(similarity, 0))


def _hot(histories: Histories, n_items: int, half_life_share: float) -> Floats:
    """f32[N]: log of the clicks, each counting half after that share of the time that the log spans."""
    if not histories.clicked.any():
        return np.zeros(n_items, np.float32)
    ts, item = histories.ts_us[histories.clicked], histories.item[histories.clicked]
    half_life_us = max(half_life_share * float(np.ptp(histories.ts_us)), 1.0)
    clicks = np.bincount(item, 2.0 ** ((ts - histories.ts_us.max()) / half_life_us), n_items)
    hot: Floats = np.log(clicks + UNSEEN_CLICKS).astype(np.float32)
    return hot
