"""Exact search: each user's best items by dot product."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Rows = npt.NDArray[np.int32]
BLOCK_SCORES = 16_000_000
"""Scores held at once: 64 MB."""


def top_items(
    users: Tensor, items: Tensor, k: int, allowed: npt.NDArray[np.bool_], seen: tuple[npt.NDArray[np.int64], Rows], advance: Callable[[int], None] | None = None
) -> Rows:
    """int32[U, k]: item rows by descending dot product, 0 where a user has fewer than k.

    ``users``: f32[U, V]; ``items``: f32[N, V]; ``allowed``: bool[N]; ``seen``: (offsets i64[U + 1], item rows) to leave out, user by user.
    """
    forbidden = torch.from_numpy(np.flatnonzero(~allowed))
    k_found = min(k, len(items))
    ranked = np.zeros((len(users), k), np.int32)
    with torch.inference_mode():
        for start, stop in _blocks(len(users), len(items)):
            scores = users[start:stop] @ items.T
            scores[:, forbidden] = -torch.inf
            _leave_out(scores, seen, start, stop)
            best = torch.topk(scores, k_found, dim=1)
            ranked[start:stop, :k_found] = torch.where(torch.isfinite(best.values), best.indices, 0).numpy()
            if advance:
                advance(stop - start)
    return ranked


def _blocks(n_users: int, n_items: int) -> Iterator[tuple[int, int]]:
    size = max(BLOCK_SCORES // max(n_items, 1), 1)
    for start in range(0, n_users, size):
        yield start, min(start + size, n_users)


def _leave_out(scores: Tensor, seen: tuple[npt.NDArray[np.int64], Rows], start: int, stop: int) -> None:
    offsets, items = seen
    users = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
    scores[torch.from_numpy(users), torch.from_numpy(items[offsets[start] : offsets[stop]].astype(np.int64))] = -torch.inf
