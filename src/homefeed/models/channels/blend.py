"""The blend of all channels: a user's order of the whole catalogue is the weighted sum of what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from homefeed.core import candidates
from homefeed.models.channels.scores import AGAIN, DSSM, HOT, IN_VAIN, ITEM_TO_ITEM, LATELY_HOT, VIEWED_TOGETHER, Channels, Floats


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
