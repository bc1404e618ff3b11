"""The factor model at scoring time: a bias and a taste for each value of each field, and one dot product a pair.

``training.factors`` fits it. Everything is the mean of a normal distribution: a value that few rows speak of is close to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.features.encoder import EncodedTable
from homefeed.models.lookup import Floats, field_embeddings

PREFIX = "factors."


@dataclass(frozen=True, slots=True)
class Factors:
    """``values`` f32[V, 1 + d]: bias and taste of each row of the model's table. ``numbers`` f32[D, 1 + d]: of one standard unit of each dense feature.

    ``bias`` f32[2]: that of everything, and the weight of standardised hotness.
    """

    values: Floats
    numbers: Floats
    bias: Floats

    def of_users(self, table: EncodedTable) -> Floats:
        """f32[N, 1 + d]: bias and taste of each entity of a table."""
        return self._of(table, self.numbers[: table.dense.shape[1]])

    def of_items(self, table: EncodedTable) -> Floats:
        """f32[N, 1 + d]; items' numbers stand behind the users'."""
        return self._of(table, self.numbers[len(self.numbers) - table.dense.shape[1] :])

    def logits(self, users: Floats, items: Floats, hotness: Floats) -> Floats:
        """f32[R] of f32[R, 1 + d] users and items, row by row."""
        taste = np.einsum("rk,rk->r", users[:, 1:], items[:, 1:])
        logits: Floats = users[:, 0] + items[:, 0] + taste + self.bias[0] + self.bias[1] * hotness
        return logits

    def arrays(self, prefix: str = PREFIX) -> dict[str, npt.NDArray[np.float32]]:
        return {f"{prefix}values": self.values, f"{prefix}numbers": self.numbers, f"{prefix}bias": self.bias}

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[np.float32]], prefix: str = PREFIX) -> Factors:
        """Raises ``KeyError`` where the ranker has none."""
        return cls(arrays[f"{prefix}values"], arrays[f"{prefix}numbers"], arrays[f"{prefix}bias"])

    def _of(self, table: EncodedTable, numbers: Floats) -> Floats:
        own: Floats = field_embeddings(self.values, table).sum(1) + table.dense @ numbers
        return own


def no_factors(n_values: int, n_numbers: int) -> Factors:
    """Everything at 0."""
    return Factors(np.zeros((n_values, 2), np.float32), np.zeros((n_numbers, 2), np.float32), np.zeros(2, np.float32))
