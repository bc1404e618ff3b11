"""The merge of a user's own order with hot, fresh and other items: pure functions on rows of item numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import HOT, Rows

Sources = npt.NDArray[np.uint8]


def interleave(own: Rows, sources: Sources, hot: Rows, own_per_hot: int, hot_from: int, size: int) -> tuple[Rows, Sources]:
    """(items int32[U, size], sources uint8[U, size]): the first ``hot_from`` are the user's own, then after every ``own_per_hot`` of them a hot one.

    ``own`` int32[U, P] with ``sources`` uint8[U, P], ``hot`` int32[U, H]: best first, an item at most once a row, 0 where there is none. All are
    distinct: hot items among the user's own make room for the next hot one. Where either runs out the other fills up; 0 where both have.
    A list that is too short for the first ``hot_from`` and a hot item behind them ends in one all the same.
    """
    hot_from = _hot_from(own_per_hot, hot_from, size)
    n_hot = max(size - hot_from, 0) // (own_per_hot + 1)
    n_own = size - n_hot
    hot = _kept_first(hot, (hot > 0) & ~_contains(own[:, :n_own], hot))
    columns = _order(own.shape[1], hot.shape[1], own_per_hot, hot_from, n_own)
    items = np.hstack([own, hot])[:, columns]
    code = np.hstack([sources, np.full(hot.shape, HOT, np.uint8)])[:, columns]
    return _first_distinct(items, code, size)


def own_columns(own_per_hot: int, hot_from: int, size: int) -> npt.NDArray[np.intp]:
    """Columns of a full merged list's second half that hold no hot item of the interleaving: what fresh items may take. Never the first one."""
    columns, first = np.arange(size), _hot_from(own_per_hot, hot_from, size)
    own = (columns < first) | ((columns - first) % (own_per_hot + 1) != own_per_hot)
    free: npt.NDArray[np.intp] = columns[own & (columns >= max(size // 2, 1))]
    return free


def placed(items: Rows, sources: Sources, added: Rows, source: int, columns: npt.NDArray[np.intp]) -> tuple[Rows, Sources]:
    """The merged lists with ``added`` int32[U, n], distinct and none of them listed, of one ``source``, in the places ``columns`` intp[n].

    A 0 leaves what is there, and nothing goes behind a list's end: lists stay as long as they are.
    """
    takes = (added > 0) & (items[:, columns] > 0)
    items, sources = items.copy(), sources.copy()
    items[:, columns] = np.where(takes, added, items[:, columns])
    sources[:, columns] = np.where(takes, source, sources[:, columns])
    return items, sources


def _hot_from(own_per_hot: int, hot_from: int, size: int) -> int:
    return min(hot_from, max(size - own_per_hot - 1, 0))


def _order(n_own: int, n_hot: int, own_per_hot: int, hot_from: int, n_lead: int) -> npt.NDArray[np.intp]:
    """Columns of ``[own | hot]`` in interleaved order; own ones beyond the ``n_lead`` that a full list holds come last."""
    own, hot = np.arange(n_own), np.arange(n_hot)
    place_own = own + np.maximum(own - hot_from, 0) // own_per_hot + np.where(own >= n_lead, n_own + n_hot, 0)
    place_hot = hot_from + (hot + 1) * (own_per_hot + 1) - 1
    return np.argsort(np.concatenate([place_own, place_hot]), kind="stable")


def _contains(rows: Rows, wanted: Rows) -> npt.NDArray[np.bool_]:
    """bool[U, W]: whether each of ``wanted`` stands in the same user's row of ``rows``."""
    width = int(max(rows.max(initial=0), wanted.max(initial=0))) + 1
    offset = np.arange(len(rows), dtype=np.int64)[:, None] * width
    return np.isin(wanted + offset, rows + offset)


def _first_distinct(items: Rows, sources: npt.NDArray[np.uint8], size: int) -> tuple[Rows, Sources]:
    """The first ``size`` items of each row, each once, at its first place; padding dropped."""
    order = np.argsort(items, axis=1, kind="stable")
    ascending = np.take_along_axis(items, order, 1)
    fresh = np.ones(items.shape, np.bool_)
    fresh[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    keep = np.empty(items.shape, np.bool_)
    np.put_along_axis(keep, order, fresh & (ascending > 0), 1)
    chosen = np.argsort(~keep, axis=1, kind="stable")[:, :size]
    kept = np.where(np.take_along_axis(keep, chosen, 1), np.take_along_axis(items, chosen, 1), 0)
    return _padded(kept, size), _padded(np.take_along_axis(sources, chosen, 1), size)


def _kept_first(items: Rows, keep: npt.NDArray[np.bool_]) -> Rows:
    """Each row's kept items in their order, then 0."""
    order = np.argsort(~keep, axis=1, kind="stable")
    kept: Rows = np.where(np.take_along_axis(keep, order, 1), np.take_along_axis(items, order, 1), 0).astype(np.int32)
    return kept


def _padded(rows: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    return np.pad(rows, ((0, 0), (0, max(size - rows.shape[1], 0))))
