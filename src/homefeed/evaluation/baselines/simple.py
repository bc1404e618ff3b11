"""What a shop could show without any model: anything, the most clicked, the hottest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ItemFacts
from homefeed.evaluation.baselines.names import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.protocol import Protocol
from homefeed.metrics.ranking import RankedRows, Relevant, hits

_BLOCK = 1024
"""Users at a time, so that a user with a long past does not widen everybody's scan."""


Order = Callable[[slice, int], RankedRows]
"""int32[users of the slice, width]: the first items that these users would be listed, seen or not."""


def baseline_lists(protocol: Protocol, facts: ItemFacts, k: int, rng: np.random.Generator) -> dict[str, RankedRows]:
    """Name -> int32[U, k] item rows, what the user has seen left out, 0 where the catalogue ends.

    Popularity counts train clicks; hotness is that at the split.
    """
    return {
        RANDOM: _random(protocol, k, rng),
        POPULARITY: _same_for_all(protocol, facts.clicks_split, k),
        HOTNESS: _same_for_all(protocol, facts.hotness_split, k),
    }


def _same_for_all(protocol: Protocol, score: npt.NDArray[np.float32] | npt.NDArray[np.int64], k: int) -> RankedRows:
    best_first = protocol.catalogue[np.argsort(-score[protocol.catalogue], kind="stable")]

    def order(users: slice, width: int) -> RankedRows:
        return np.broadcast_to(best_first[:width], (users.stop - users.start, width))

    return _first_allowed(protocol, order, k)


def _random(protocol: Protocol, k: int, rng: np.random.Generator) -> RankedRows:
    """A shuffled catalogue that each user walks from an own start with an own stride: every item is equally likely at every place of a list."""
    size = len(protocol.catalogue)
    shuffled = rng.permutation(protocol.catalogue)
    strides = np.flatnonzero(np.gcd(np.arange(1, size + 1), size) == 1) + 1
    start, stride = rng.integers(size, size=len(protocol)), rng.choice(strides, len(protocol))

    def order(users: slice, width: int) -> RankedRows:
        walk = start[users, None] + stride[users, None] * np.arange(width)
        rows: RankedRows = shuffled[walk % size]
        return rows

    return _first_allowed(protocol, order, k)


def _first_allowed(protocol: Protocol, order: Order, k: int) -> RankedRows:
    """int32[U, k]: the first k items of each user's order that the user has not seen; 0 where there are no more."""
    lists = np.zeros((len(protocol), k), np.int32)
    offsets = protocol.seen.offsets
    for first in range(0, len(protocol), _BLOCK):
        block = slice(first, min(first + _BLOCK, len(protocol)))
        seen = Relevant(offsets[first : block.stop + 1] - offsets[first], protocol.seen.items[offsets[first] : offsets[block.stop]])
        ordered = order(block, min(k + int(seen.counts().max()), len(protocol.catalogue)))
        fresh = ~hits(ordered, seen)
        place = np.cumsum(fresh, 1) - 1
        user, column = np.nonzero(fresh & (place < k))
        lists[first + user, place[user, column]] = ordered[user, column]
    return lists
