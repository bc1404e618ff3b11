"""The blend of all channels: a user's order of the whole catalogue is the weighted sum of what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    """Weight of each channel's score. ``newcomers``: the same for users who have done nothing yet; None where they are weighed like everybody."""

    weights: Mapping[str, float]
    newcomers: Mapping[str, float] | None = None

    def weight(self, name: str, newcomers: Mask) -> Floats:
        """f32[B] of B users."""
        known = self.weights.get(name, 0.0)
        own = known if self.newcomers is None else self.newcomers.get(name, 0.0)
        return np.where(newcomers, np.float32(own), np.float32(known))

    def by_source(self, channels: Channels, part: slice) -> dict[int, Floats]:
        """By code of ``SOURCES`` f32[users of the part, N]: what the channels behind it add to an item's score, beyond an average item's."""
        said: dict[int, Floats] = {}
        newcomers = channels.newcomers(part)
        for name in channels.names:
            weight = self.weight(name, newcomers)
            if weight.any():
                share: Floats = weight[:, None] * channels.block(name, part)
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
        return found.astype(np.int32), loudest(said, [np.take_along_axis(share, found, 1) for share in said.values()])


def loudest(codes: Iterable[int], shares: list[Floats]) -> npt.NDArray[np.uint8]:
    """Code of the source whose share is the largest, place by place. Who says nothing is not heard, though the others speak against an item."""
    heard = np.stack([np.where(share == 0, -np.inf, share) for share in shares])
    sources: npt.NDArray[np.uint8] = np.array(list(codes), np.uint8)[np.argmax(heard, 0)]
    return sources


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
