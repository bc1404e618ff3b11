"""A release's bundle: all that an API process needs beside the lists. Reached without torch and without data frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from homefeed.core.release import Release
from homefeed.features.entities import EntityTable
from homefeed.models.tower import NOTHING_YET, History
from homefeed.models.weights import ModelWeights


@dataclass(frozen=True, slots=True)
class SeenItems:
    """Item rows that each user has clicked: those of user row u are ``items[offsets[u]:offsets[u + 1]]``. Empty when the policy is to keep them."""

    offsets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]

    def of(self, user_row: int) -> npt.NDArray[np.int32]:
        if user_row + 1 >= len(self.offsets):
            return self.items[:0]
        return self.items[self.offsets[user_row] : self.offsets[user_row + 1]]


@dataclass(frozen=True, slots=True)
class Lately:
    """Each user's latest events as the user tower reads them (``History``): those of user row u, oldest first, are ``[offsets[u]:offsets[u + 1]]`` of int32
    ``item``, bool ``clicked`` and uint8 ``gap``. Without a row for anybody where the bundle is of a time that kept none.
    """

    offsets: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    clicked: npt.NDArray[np.bool_]
    gap: npt.NDArray[np.uint8]

    def of(self, user_row: int) -> History:
        if user_row + 1 >= len(self.offsets):
            return NOTHING_YET
        part = slice(self.offsets[user_row], self.offsets[user_row + 1])
        return History(self.item[part], self.clicked[part], self.gap[part].astype(np.int64))


NOBODY_LATELY = Lately(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros(0, np.uint8))


@dataclass(frozen=True, slots=True)
class Bundle:
    """One release in memory. Row 0 of ``users`` and ``items`` is the unknown one.

    ``available``: bool[N], items on sale. ``hotness``: float32[N], global_score as of the release. ``hot``: int32[H], item rows, hottest first.
    ``item_vectors``: float32[N, V], the recall model's. ``tag_slots``: slot of each value of each user tag field, to read a guest's tags.
    ``separators``: what joins the values of a multi-valued user tag in the shop's file.
    ``lately``: what the user tower reads of known users. ``item_boost``: what the hot channels add to an item's score; empty in old
    bundles, float32[N] in bundles that weigh newcomers like everybody, else float32[2, N] (``models.channels.folded``).
    ``fresh``: int32[F], rows of new items, of which each list without a draw of its own gets ``fresh_per_list``; none in old bundles.
    ``faults``: why ``recall`` or ``rank`` could not be read (by that name); the model is then None, and the rest serves without it.
    """

    release: Release
    users: EntityTable
    items: EntityTable
    available: npt.NDArray[np.bool_]
    hotness: npt.NDArray[np.float32]
    hot: npt.NDArray[np.int32]
    seen: SeenItems
    recall: ModelWeights | None
    item_vectors: npt.NDArray[np.float32]
    rank: ModelWeights | None
    tag_slots: Mapping[str, Mapping[str, int]]
    separators: Mapping[str, str] = field(default_factory=dict)
    lately: Lately = NOBODY_LATELY
    item_boost: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    fresh: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    fresh_per_list: int = 0
    faults: Mapping[str, str] = field(default_factory=dict)
