"""The one encoder: slots to the rows of a model's embedding table, numbers to standard units.

The map may name every id; a model may not. A slot that the training rows hold fewer than ``min_count`` times, or never, uses the unknown row
of its field, which is trained on purpose. One vocabulary holds that decision for training and serving alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.features.entities import EntityTable, Slots


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``row``: int32[map_size + 1], the embedding row of each slot, 0 where the model does not know it.

    The first ``n_fields`` embedding rows are the unknown rows of the fields; the very last row (``padding``) is zero and pads bags.
    """

    row: npt.NDArray[np.int32]
    n_fields: int
    size: int
    """Number of embedding rows, the padding row included."""

    @property
    def padding(self) -> int:
        return self.size - 1

    @classmethod
    def from_counts(cls, counts: npt.NDArray[np.int64], n_fields: int, min_count: int) -> Vocabulary:
        """``counts``: int64[map_size + 1], training rows that hold each slot."""
        known = counts >= min_count
        known[0] = False
        row = np.zeros(len(counts), np.int32)
        row[known] = np.arange(n_fields, n_fields + int(known.sum()), dtype=np.int32)
        return cls(row, n_fields, n_fields + int(known.sum()) + 1)

    def rows(self, slots: Slots, first_field: int) -> npt.NDArray[np.int32]:
        """int32[N, F] embedding rows of int32[N, F] slots; column j is field ``first_field + j``. Slots beyond the map are unknown."""
        inside = np.where(slots < len(self.row), slots, 0)
        rows = self.row[inside]
        unknown = np.arange(first_field, first_field + slots.shape[1], dtype=np.int32)
        return np.where(rows > 0, rows, unknown)

    def bag_rows(self, slots: Slots, field: int) -> npt.NDArray[np.int32]:
        """int32[N, L] embedding rows of one bag; 0-padding becomes the padding row, an empty bag holds its field's unknown row once."""
        rows = np.where(slots > 0, self.rows(slots.reshape(-1, 1), field).reshape(slots.shape), self.padding).astype(np.int32)
        rows[(slots == 0).all(1), 0] = field
        return rows


@dataclass(frozen=True, slots=True)
class NumberScale:
    """Mean and standard deviation of each number column over the training side's entities."""

    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]

    def __call__(self, numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32[N, D] with NaN to float32[N, 2 D]: standardised values (0 where missing), then missing flags."""
        missing = np.isnan(numbers)
        values = np.where(missing, 0.0, (numbers - self.mean) / self.std)
        return np.hstack([values, missing]).astype(np.float32)

    @classmethod
    def fit(cls, numbers: npt.NDArray[np.float32]) -> NumberScale:
        """From float32[N, D]; a column without values, or with one value only, is left unscaled."""
        known = ~np.isnan(numbers)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, numbers, 0).sum(0) / count
        std = np.sqrt(np.where(known, (numbers - mean) ** 2, 0).sum(0) / count).astype(np.float32)
        return cls(mean.astype(np.float32), np.where(std > 0, std, np.float32(1)))


@dataclass(frozen=True, slots=True)
class EncodedTable:
    """Entities as a model reads them. ``fields``: int32[N, 1 + C]; ``bags``: one int32[N, L] each; ``dense``: float32[N, 2 D]."""

    fields: npt.NDArray[np.int32]
    bags: tuple[npt.NDArray[np.int32], ...]
    dense: npt.NDArray[np.float32]

    @property
    def n_fields(self) -> int:
        return int(self.fields.shape[1]) + len(self.bags)

    def __len__(self) -> int:
        return len(self.fields)


def encode(table: EntityTable, vocabulary: Vocabulary, scale: NumberScale, first_field: int) -> EncodedTable:
    """One side's table; its fields are numbered from ``first_field``: id, categories, then bags."""
    n_columns = table.slots.shape[1]
    bags = tuple(vocabulary.bag_rows(slots, first_field + n_columns + i) for i, slots in enumerate(table.bags.values()))
    return EncodedTable(vocabulary.rows(table.slots, first_field), bags, scale(table.numbers))


def slot_counts(table: EntityTable, rows: npt.NDArray[np.int32], map_size: int) -> npt.NDArray[np.int64]:
    """int64[map_size + 1]: how many of ``rows`` (int32[B], rows of ``table``) hold each slot."""
    per_entity = np.bincount(rows, minlength=len(table))
    counts = np.zeros(map_size + 1, np.int64)
    for slots in (*table.slots.T, *(column for bag in table.bags.values() for column in bag.T)):
        np.add.at(counts, slots, per_entity)
    return counts
