"""What models read: both sides' encoded tables as tensors, under the vocabulary of one fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from homefeed.features.encoder import EncodedTable, NumberScale, Vocabulary, encode, slot_counts
from homefeed.features.entities import EntityTable
from homefeed.models.weights import ModelWeights

Rows = npt.NDArray[np.int32]


class SideInput:
    """One side's encoded table as tensors, gathered by entity row.

    ``fields``: i64[N, F], ``bags``: i64[N, L] each, ``dense``: f32[N, D].
    """

    def __init__(self, table: EncodedTable, first_field: int) -> None:
        self.fields = torch.from_numpy(table.fields.astype("int64"))
        self.bags = [torch.from_numpy(bag.astype("int64")) for bag in table.bags]
        self.dense = torch.from_numpy(table.dense)
        self.first_field = first_field

    @property
    def n_fields(self) -> int:
        return int(self.fields.shape[1]) + len(self.bags)

    def __len__(self) -> int:
        return len(self.fields)

    def encoded(self) -> EncodedTable:
        """The table as numpy reads it."""
        return EncodedTable(self.fields.numpy().astype(np.int32), tuple(bag.numpy().astype(np.int32) for bag in self.bags), self.dense.numpy())

    def rows(self, index: Tensor) -> SideInput:
        """The entities at ``index``, in that order."""
        part = object.__new__(SideInput)
        part.fields = self.fields[index]
        part.bags = [bag[index] for bag in self.bags]
        part.dense = self.dense[index]
        part.first_field = self.first_field
        return part

    def without_ids(self) -> SideInput:
        """Nobody in particular: the entities by their tags and numbers alone. The id is the first field."""
        part = self.rows(torch.arange(len(self)))
        part.fields[:, 0] = self.first_field
        return part

    def hidden_at_random(self, rate: float, padding: int, generator: torch.Generator) -> SideInput:
        """Each field's value replaced by the field's unknown row with probability ``rate``, so that the unknown rows are trained."""
        part = object.__new__(SideInput)
        n, n_columns = self.fields.shape
        unknown = torch.arange(self.first_field, self.first_field + n_columns)
        part.fields = torch.where(torch.rand(n, n_columns, generator=generator) < rate, unknown, self.fields)
        part.bags = []
        for i, bag in enumerate(self.bags):
            hidden = torch.full_like(bag, padding)
            hidden[:, 0] = self.first_field + n_columns + i
            part.bags.append(torch.where(torch.rand(n, 1, generator=generator) < rate, hidden, bag))
        part.dense, part.first_field = self.dense, self.first_field
        return part


@dataclass(frozen=True)
class Inputs:
    """Users and items as one fit sees them."""

    vocabulary: Vocabulary
    user_scale: NumberScale
    item_scale: NumberScale
    users: SideInput
    items: SideInput

    @property
    def n_dense(self) -> int:
        """Dense features of both sides together."""
        return int(self.users.dense.shape[1] + self.items.dense.shape[1])


def inputs_for(users: EntityTable, items: EntityTable, user_rows: Rows, item_rows: Rows, map_size: int, min_count: int) -> Inputs:
    """What a fit on these log rows may know: slots that they hold fewer than ``min_count`` times share their field's unknown row."""
    counts = slot_counts(users, user_rows, map_size) + slot_counts(items, item_rows, map_size)
    vocabulary = Vocabulary.from_counts(counts, users.n_fields + items.n_fields, min_count)
    return _inputs(users, items, vocabulary, NumberScale.fit(users.numbers[np.unique(user_rows)]), NumberScale.fit(items.numbers[np.unique(item_rows)]))


def inputs_of(weights: ModelWeights, users: EntityTable, items: EntityTable) -> Inputs:
    """What a fitted model reads."""
    return _inputs(users, items, weights.vocabulary, weights.user_scale, weights.item_scale)


def _inputs(users: EntityTable, items: EntityTable, vocabulary: Vocabulary, user_scale: NumberScale, item_scale: NumberScale) -> Inputs:
    user_side = SideInput(encode(users, vocabulary, user_scale, 0), 0)
    item_side = SideInput(encode(items, vocabulary, item_scale, users.n_fields), users.n_fields)
    return Inputs(vocabulary, user_scale, item_scale, user_side, item_side)
