"""Search of the catalogue by dot product: exact where that is the quicker, by an HNSW graph where it is large, and how much of the exact answer that finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from homefeed.core.progress import Progress
from homefeed.models.retrieval import Rows, top_items

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

EXACT_PAIRS = 10_000_000_000
"""Up to so many users times items every item is looked at: that takes no longer than to build a graph of the items."""
FLOOR = 0.95
"""An index that finds less of what an exact search finds is not used."""
SAMPLE_USERS, SAMPLE_K = 200, 100
NEIGHBOURS, BUILD_WIDTH, WIDTH = 32, 80, 400
"""Of the graph: links an item, and how many items a search keeps in view, when it is built and when it is asked (twice what it is to find, if that is more)."""


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """``find``: (f32[U, V] users, k) to int32[U, k], rows of allowed items, best first, 0-padded. ``recall``: share of the exact best that it finds."""

    find: Callable[[Floats, int], Rows]
    recall: float = 1.0


def search_over(items: Floats, allowed: Mask, users: Floats, progress: Progress, exact_pairs: int = EXACT_PAIRS) -> ItemSearch:
    """Over ``items`` f32[N, V]; its recall is measured on a sample of ``users`` f32[U, V], the ones it is for."""
    exact = ItemSearch(_exact(items, allowed))
    if len(users) * len(items) <= exact_pairs or not allowed.any():
        return exact
    find = _graph(items, np.flatnonzero(allowed).astype(np.int32))
    sample = users[np.linspace(0, len(users) - 1, min(SAMPLE_USERS, len(users))).astype(np.int64)]
    recall = index_recall(find(sample, SAMPLE_K), exact.find(sample, SAMPLE_K))
    if recall < FLOOR:
        progress.say(f"warning: the index over {len(items):,} items finds {recall:.3f} of the exact best {SAMPLE_K}, less than {FLOOR}: exact search instead")
        return exact
    progress.say(f"index over {len(items):,} items: finds {recall:.3f} of the exact best {SAMPLE_K}, on {len(sample)} users")
    return ItemSearch(find, recall)


def index_recall(found: Rows, best: Rows) -> float:
    """Share of the ``best`` int32[U, K] items that are among the ``found`` of the same user; 0 pads both."""
    shares = [np.isin(exact[exact > 0], row).mean() for row, exact in zip(found, best, strict=True) if (exact > 0).any()]
    return float(np.mean(shares)) if shares else 1.0


def _exact(items: Floats, allowed: Mask) -> Callable[[Floats, int], Rows]:
    catalogue = torch.from_numpy(items)

    def find(users: Floats, k: int) -> Rows:
        nothing_seen = (np.zeros(len(users) + 1, np.int64), np.zeros(0, np.int32))
        return top_items(torch.from_numpy(users), catalogue, k, allowed, nothing_seen)

    return find


def _graph(items: Floats, rows: Rows) -> Callable[[Floats, int], Rows]:
    """HNSW (Malkov and Yashunin, 2018) finds near points, not large dot products: one more number an item makes all equally long (Bachrach et al., 2014).

    What is the same for all items changes no user's order, so their mean is taken off before.
    """
    import faiss  # here: it brings an OpenMP of its own, which small shops never load

    centred = items[rows] - items[rows].mean(0)
    length = (centred**2).sum(1)
    points = np.hstack([centred, np.sqrt(length.max() - length)[:, None]]).astype(np.float32)
    index = faiss.IndexHNSWFlat(points.shape[1], NEIGHBOURS)
    index.hnsw.efConstruction = BUILD_WIDTH
    index.add(points)

    def find(users: Floats, k: int) -> Rows:
        asked = np.hstack([users, np.zeros((len(users), 1))]).astype(np.float32)
        index.hnsw.efSearch = max(WIDTH, 2 * k)
        _, found = index.search(asked, k)
        return np.where(found >= 0, rows[found], 0).astype(np.int32)

    return find
