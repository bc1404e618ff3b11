"""The merge of the recall model's items with hot ones: a pure function on rows of item numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import DSSM, HOT, Rows

Sources = npt.NDArray[np.uint8]


def interleave(dssm: Rows, hot: Rows, dssm_per_hot: int, size: int) -> tuple[Rows, Sources]:
    """(items int32[U, size], sources uint8[U, size]): after every ``dssm_per_hot`` DSSM items a hot one, all distinct.

    ``dssm`` int32[U, P], ``hot`` int32[U, H]: best first, an item at most once a row, 0 where there is none. Hot items that the DSSM part of
    the list holds already make room for the next hot one. Where either runs out the other fills up; 0 where both have.
    """
    n_hot = size // (dssm_per_hot + 1)
    n_dssm = size - n_hot
    first = dssm[:, :n_dssm]
    hot = _kept_first(hot, (hot > 0) & ~_contains(first, hot))
    columns = _order(first.shape[1], min(n_hot, hot.shape[1]), dssm_per_hot)
    lead_items, lead_sources = np.hstack([first, hot[:, :n_hot]])[:, columns], _codes(first.shape[1], min(n_hot, hot.shape[1]))[columns]
    items = np.hstack([lead_items, dssm[:, n_dssm:], hot[:, n_hot:]])
    sources = np.concatenate([lead_sources, _codes(dssm.shape[1] - first.shape[1], max(hot.shape[1] - n_hot, 0))])
    return _first_distinct(items, np.broadcast_to(sources, items.shape), size)


def _order(n_dssm: int, n_hot: int, dssm_per_hot: int) -> npt.NDArray[np.intp]:
    """Columns of ``[dssm | hot]`` in interleaved order."""
    place = np.concatenate([np.arange(n_dssm) + np.arange(n_dssm) // dssm_per_hot, (np.arange(n_hot) + 1) * (dssm_per_hot + 1) - 1])
    return np.argsort(place, kind="stable")


def _codes(n_dssm: int, n_hot: int) -> Sources:
    return np.repeat(np.array([DSSM, HOT], np.uint8), [n_dssm, n_hot])


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
