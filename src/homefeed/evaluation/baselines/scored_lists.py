"""From scores to lists: the best items that may be listed, then hotness for the places, and for the users, that scores leave empty."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.baselines.clicks import Rows, Scores
from homefeed.evaluation.protocol import Protocol
from homefeed.metrics.ranking import RankedRows

_SCORES_AT_ONCE = 8_000_000
"""32 MB."""


def scored_lists(protocol: Protocol, scores: Scores, columns: Rows, k: int) -> RankedRows:
    """int32[U, k]: item rows by descending score, without what the user has seen and what no list may hold; 0 where the method cannot say.

    ``columns``: int32[M], the item row of each score.
    """
    lists = np.zeros((len(protocol), k), np.int32)
    size = max(_SCORES_AT_ONCE // max(len(columns), 1), 1)
    column_of = _column_of(columns, protocol)
    unlisted = ~np.isin(columns, protocol.catalogue)
    for first in range(0, len(protocol), size):
        stop = min(first + size, len(protocol))
        block = scores(protocol.users[first:stop])
        block[:, unlisted] = -np.inf
        _leave_out_seen(block, protocol, column_of, first, stop)
        lists[first:stop] = _best(block, columns, k)
    return lists


def filled_up(lists: RankedRows, hottest: RankedRows) -> RankedRows:
    """int32[U, k]: what ``lists`` holds in its order, then of ``hottest`` what is not among it; both int32[U, k], 0-padded anywhere."""
    short = np.flatnonzero((lists == 0).any(1))
    full = lists.copy()
    for first in range(0, len(short), 256):
        users = short[first : first + 256]
        again = (hottest[users][:, :, None] == lists[users][:, None, :]).any(2)
        both = np.hstack([lists[users], np.where(again, 0, hottest[users])])
        order = np.argsort(both == 0, axis=1, kind="stable")[:, : lists.shape[1]]
        full[users] = np.take_along_axis(both, order, 1)
    return full


def _best(block: npt.NDArray[np.float32], columns: Rows, k: int) -> RankedRows:
    found = min(k, block.shape[1])
    best = np.zeros((len(block), k), np.int32)
    if not found:
        return best
    place = np.argpartition(-block, found - 1, axis=1)[:, :found]
    value = np.take_along_axis(block, place, 1)
    order = np.argsort(-value, axis=1, kind="stable")
    place, value = np.take_along_axis(place, order, 1), np.take_along_axis(value, order, 1)
    best[:, :found] = np.where(np.isfinite(value), columns[place], 0)
    return best


def _column_of(columns: Rows, protocol: Protocol) -> Rows:
    """int32[item rows]: the column of an item, -1 where it has none."""
    size = 1 + max(int(columns.max(initial=0)), int(protocol.seen.items.max(initial=0)))
    column_of = np.full(size, -1, np.int32)
    column_of[columns] = np.arange(len(columns), dtype=np.int32)
    return column_of


def _leave_out_seen(block: npt.NDArray[np.float32], protocol: Protocol, column_of: Rows, first: int, stop: int) -> None:
    offsets = protocol.seen.offsets
    user = np.repeat(np.arange(stop - first), np.diff(offsets[first : stop + 1]))
    column = column_of[protocol.seen.items[offsets[first] : offsets[stop]]]
    block[user[column >= 0], column[column >= 0]] = -np.inf
