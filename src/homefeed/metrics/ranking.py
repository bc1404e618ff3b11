"""How well ranked lists meet what users went on to click. One value a user; averages and intervals are ``metrics.intervals``'s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
RankedRows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Relevant:
    """The items each of U users was right to be shown: those of user u are ``items[offsets[u]:offsets[u + 1]]``, ascending, each once."""

    offsets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def counts(self) -> Counts:
        """int64[U]: items relevant to each user."""
        return np.diff(self.offsets)


def relevant_items(user: npt.NDArray[Any], item: npt.NDArray[Any], n_users: int) -> Relevant:
    """From pairs (user in 0..n_users - 1, item row >= 0) in any order; a pair that occurs twice counts once."""
    width = int(item.max(initial=0)) + 1
    keys = np.unique(user.astype(np.int64) * width + item)
    offsets = np.searchsorted(keys, np.arange(n_users + 1, dtype=np.int64) * width)
    return Relevant(offsets.astype(np.int64), (keys % width).astype(np.int32))


def hits(ranked: RankedRows, relevant: Relevant) -> Hits:
    """bool[U, K]: whether each listed item is relevant to the list's user.

    ``ranked``: int32[U, K], best first, an item at most once a list; values below 1 are padding and never hit.
    """
    if not len(relevant.items):
        return np.zeros(ranked.shape, np.bool_)
    width = max(int(relevant.items.max()), int(ranked.max(initial=0))) + 1
    first_key = np.arange(len(relevant), dtype=np.int64) * width
    relevant_keys = np.repeat(first_key, relevant.counts()) + relevant.items
    keys = first_key[:, None] + ranked
    place = np.minimum(np.searchsorted(relevant_keys, keys), len(relevant_keys) - 1)
    found: Hits = (relevant_keys[place] == keys) & (ranked > 0)
    return found


def recall_at_k(hit: Hits, counts: Counts, k: int) -> Values:
    """float64[U]: share of a user's relevant items within the first k; NaN for a user without any."""
    return _ratio(hit[:, :k].sum(1), counts)


def ndcg_at_k(hit: Hits, counts: Counts, k: int) -> Values:
    """float64[U]: discounted gain of the first k over that of the best possible k, gains 0 or 1; NaN for a user without relevant items.

    Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002.
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[0.0], np.cumsum(discount)])
    gain = hit[:, :k] @ discount[: hit.shape[1]]
    return _ratio(gain, best[np.minimum(counts, k)])


def hit_rate_at_k(hit: Hits, counts: Counts, k: int) -> Values:
    """float64[U]: 1 where any of the first k is relevant, else 0; NaN for a user without relevant items."""
    return np.where(counts > 0, hit[:, :k].any(1), np.nan)


def mrr_at_k(hit: Hits, counts: Counts, k: int) -> Values:
    """float64[U]: one over the place (from 1) of the first relevant item, 0 where none is within k; NaN for a user without relevant items."""
    within = hit[:, :k]
    if not within.shape[1]:
        return np.where(counts > 0, 0.0, np.nan)
    return np.where(counts > 0, within.any(1) / (within.argmax(1) + 1.0), np.nan)


def _ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Values:
    ratio: Values = np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
    return ratio
