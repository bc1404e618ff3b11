"""Item to item: what users of these items also used. EASE where the catalogue allows it, else cosine of co-occurrence with shrinkage."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from homefeed.features.history import Histories
from homefeed.models.channels.names import RECENT_EVENTS

Matrix: TypeAlias = Any  # scipy.sparse.csr_matrix, which has no types
EASE_ITEMS = 6_000
"""Up to so many items a dense inverse takes seconds: 6,000 of them 20 s and 900 MB."""
EASE_RIDGE = 500.0
SHRINKAGE = 10.0
"""Co-occurrences that a pair of items needs before half of its cosine counts."""
MAX_PAIRS, BLOCK_ITEMS = 20_000_000, 1024
"""Neighbours that are kept of all items together: 240 MB. All of them up to some 4,000 items."""


def user_item(histories: Histories, n_items: int, keep: npt.NDArray[np.bool_], *, fading: bool) -> Matrix:
    """f32[U, N]: 1 for each item among the kept events; ``fading``: the older, the less."""
    user, count = histories.users(), histories.counts()
    age = np.repeat(histories.offsets[1:], count) - 1 - np.arange(len(user))
    weight = np.exp(-age / RECENT_EVENTS) if fading else np.ones(len(user))
    columns = user[keep] * n_items + histories.item[keep]
    pairs, first = np.unique(columns[::-1], return_index=True)  # an item's latest event
    latest = weight[keep][::-1][first].astype(np.float32)
    return sparse.csr_matrix((latest, (pairs // n_items, pairs % n_items)), (len(count), n_items))


def ease(clicks: Matrix) -> npt.NDArray[np.float32]:
    """f32[N, N]: weights of a linear model that predicts each item from the others (Steck, Embarrassingly Shallow Autoencoders, WWW 2019)."""
    gram = (clicks.T @ clicks).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += EASE_RIDGE
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    small: npt.NDArray[np.float32] = weights.astype(np.float32)
    return small


def cosine(events: Matrix) -> Matrix:
    """f32[N, N]: cosine of two items' users, shrunk towards 0 where few users have both; of each item's neighbours the nearest, ``MAX_PAIRS`` in all.

    Items are taken a block at a time, so that no more pairs are held than a block's and those that stay.
    """
    by_item, norm = events.T.tocsr(), np.sqrt(np.maximum(np.asarray(events.sum(0)).ravel(), 1e-9)).astype(np.float32)
    starts, neighbours = range(0, len(norm), BLOCK_ITEMS), max(MAX_PAIRS // len(norm), 1)
    return sparse.vstack([_nearest(by_item[start : start + BLOCK_ITEMS] @ events, start, norm, neighbours) for start in starts], format="csr")


def _nearest(both: Matrix, start: int, norm: npt.NDArray[np.float32], neighbours: int) -> Matrix:
    """f32[items of the block, N] from the number of users that have both; ``start``: the block's first item, which is no neighbour of its own."""
    row = np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
    value = both.data / (norm[start + row] * norm[both.indices] + SHRINKAGE)
    value[both.indices == start + row] = 0.0
    order = np.lexsort((-value, row))
    place = np.arange(len(order)) - both.indptr[row[order]]
    kept = order[(place < neighbours) & (value[order] > 0)]
    return sparse.csr_matrix((value[kept].astype(np.float32), (row[kept], both.indices[kept])), both.shape)
