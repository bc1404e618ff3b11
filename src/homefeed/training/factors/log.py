"""The log as the factor model reads it: rows in two orders, so that sums over a user's rows and over an item's are sparse products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Matrix = Any
"""scipy's CSR matrices come without types."""


@dataclass(frozen=True, slots=True)
class Order:
    """Log rows by the entity of one side: those of entity n are ``rows[starts[n]:starts[n + 1]]``, and ``others`` int32 whom each met."""

    rows: Ints
    starts: Ints
    others: npt.NDArray[np.int32]
    n_others: int

    def matrix(self, values: Floats) -> Matrix:
        """f32[N, M] from a number a log row: what a pair's rows add up to once it is multiplied."""
        shape = (len(self.starts) - 1, self.n_others)
        return sparse.csr_matrix((values[self.rows], self.others, self.starts), shape)

    def sums(self, values: Floats) -> Floats:
        """f32[N]: the values of each entity's rows together."""
        running = np.concatenate([[0.0], np.cumsum(values[self.rows], dtype=np.float64)])
        total: Floats = np.diff(running[self.starts]).astype(np.float32)
        return total


def order_by(entity: npt.NDArray[np.int32], other: npt.NDArray[np.int32], n: int, n_others: int) -> Order:
    rows = np.argsort(entity, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(entity, minlength=n))])
    return Order(rows, starts, other[rows], n_others)
