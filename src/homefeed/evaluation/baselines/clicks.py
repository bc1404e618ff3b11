"""Train clicks as a matrix, the food of all methods that know users and items by their clicks alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from homefeed.artifacts.processed import Interactions

Rows = npt.NDArray[np.int32]
Scores = Callable[[Rows], npt.NDArray[np.float32]]
"""From B user rows to float32[B, M], a score for each column of the matrix; -inf where the method cannot say."""
MOST_CLICKED = 20_000


@dataclass(frozen=True, slots=True)
class Clicks:
    """``matrix``: float32[user rows, M], 1 where a user clicked an item at least once. ``columns``: int32[M], its item rows, ascending. ``left_out``: items."""

    matrix: csr_matrix
    columns: Rows
    left_out: int = 0

    def has_any(self) -> npt.NDArray[np.bool_]:
        """bool[user rows]."""
        any_click: npt.NDArray[np.bool_] = np.diff(self.matrix.indptr) > 0
        return any_click


def clicks_of(rows: Interactions, n_users: int, n_items: int, limit: int | None = None) -> Clicks:
    """Of the items that anybody clicked; with ``limit`` of so many, the most clicked ones."""
    clicked = rows.label > 0
    user, item = rows.user[clicked], rows.item[clicked]
    matrix = csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=(n_users, n_items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    count = np.bincount(matrix.indices, minlength=n_items)
    count[0] = 0
    best_first = np.argsort(-count, kind="stable")[: np.count_nonzero(count)]
    columns = np.sort(best_first[:limit]).astype(np.int32)
    return Clicks(matrix[:, columns].tocsr(), columns, len(best_first) - len(columns))
