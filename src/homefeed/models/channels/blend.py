"""The blend of all channels: a user's order of the whole catalogue is the weighted sum of what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from homefeed.core import candidates
from homefeed.core.candidates import Rows
from homefeed.models.channels.names import AGAIN, DSSM, HOT, IN_VAIN, ITEM_TO_ITEM, LATELY_HOT, VIEWED_TOGETHER
from homefeed.models.channels.scores import Channels, Floats

BLOCK_SCORES = 2_000_000
"""Scores of one channel in work at once: 8 MB."""

Mask = npt.NDArray[np.bool_]
Seen = tuple[npt.NDArray[np.int64], Rows]


@dataclass(frozen=True, slots=True)
class Blend:
    """Weight of each channel's score."""

    weights: Mapping[str, float]

    def by_source(self, channels: Channels, part: slice) -> dict[int, Floats]:
        """By code of ``SOURCES`` f32[users of the part, N]: what the channels behind it add to an item's score, beyond an average item's."""
        said: dict[int, Floats] = {}
        for name in channels.names:
            if weight := self.weights.get(name, 0.0):
                share: Floats = np.float32(weight) * channels.block(name, part)
                share -= share.mean(1, keepdims=True)
                source = SOURCE_OF[name]
                said[source] = said[source] + share if source in said else share
        return said

    def best(self, channels: Channels, part: slice, forbidden: Mask, seen: Seen, size: int) -> tuple[Rows, npt.NDArray[np.uint8]]:
        """int32 items and uint8 codes of ``SOURCES`` [users of the part, size]: each user's best and the source that speaks loudest for it, 0-padded.

        ``forbidden``: bool[N], items for nobody; ``seen``: (offsets i64[U + 1], item rows) to leave out, user by user.
        """
        said = self.by_source(channels, part)
        scores = np.sum(list(said.values()), axis=0)
        scores[:, forbidden] = -np.inf
        offsets, items = seen[0][part.start : part.stop + 1], seen[1]
        scores[np.repeat(np.arange(len(scores)), np.diff(offsets)), items[offsets[0] : offsets[-1]]] = -np.inf
        best = torch.topk(torch.from_numpy(scores), min(size, scores.shape[1]), dim=1)
        found = torch.where(torch.isfinite(best.values), best.indices, 0).numpy()
        loudest = np.argmax(np.stack([np.take_along_axis(share, found, 1) for share in said.values()]), 0)
        return found.astype(np.int32), np.array(list(said), np.uint8)[loudest]


def blocks(n_users: int, n_items: int) -> Iterator[slice]:
    """Users at a time whose scores by one channel fit into ``BLOCK_SCORES``."""
    size = max(BLOCK_SCORES // n_items, 1)
    return (slice(start, min(start + size, n_users)) for start in range(0, n_users, size))


SOURCE_OF = {
    DSSM: candidates.DSSM,
    HOT: candidates.HOT,
    LATELY_HOT: candidates.HOT,
    ITEM_TO_ITEM: candidates.ITEM_TO_ITEM,
    VIEWED_TOGETHER: candidates.ITEM_TO_ITEM,
    AGAIN: candidates.AGAIN,
    IN_VAIN: candidates.AGAIN,
}
DSSM_ALONE = Blend({DSSM: 1.0})
