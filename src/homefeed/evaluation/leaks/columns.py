"""Every column that a model could read, in one form: what each row of one side holds in it.

Columns of users and items are the same for all rows of a user or an item; columns of the log are each row's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.core.columns import Column, categories, multis, numbers
from homefeed.features.entities import EntityTable

Values = npt.NDArray[np.float64] | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EntityColumn:
    """``values`` by row of the entity table: float64[N] with NaN where missing (a number), or int64[N] codes (a category, a multi's whole bag)."""

    owner: str
    """``user`` or ``item``."""
    name: str
    values: Values
    texts: Mapping[int, str]
    """What a code stands for; empty for a number."""

    @property
    def where(self) -> str:
        return f"{self.owner} column {self.name}"

    def text(self, value: float) -> str:
        return self.texts.get(int(value), str(value)) if self.texts else f"{value:g}"


def entity_columns(dataset: ProcessedDataset, slot_names: Sequence[str]) -> Iterator[EntityColumn]:
    """The tags of users and items, ids left out. ``slot_names``: ``field=value`` by slot."""
    schema = dataset.meta.schema
    for owner, table, columns in (("user", dataset.users, schema.user), ("item", dataset.items, schema.item)):
        yield from _columns(owner, table, columns, slot_names)


def entity_rows(owner: str, rows: Interactions) -> npt.NDArray[np.int32]:
    """int32[N]: rows of the entity table."""
    return rows.user if owner == "user" else rows.item


def _columns(owner: str, table: EntityTable, columns: tuple[Column, ...], slot_names: Sequence[str]) -> Iterator[EntityColumn]:
    for place, column in enumerate(categories(columns), start=1):
        slots = table.slots[:, place].astype(np.int64)
        yield EntityColumn(owner, column.name, slots, _texts(slots, slot_names))
    for column in multis(columns):
        bags, codes = np.unique(table.bags[column.name], axis=0, return_inverse=True)
        texts = {code: " ".join(_value(slot_names, s) for s in bag if s) for code, bag in enumerate(bags.tolist())}
        yield EntityColumn(owner, column.name, codes.reshape(-1).astype(np.int64), texts)
    for place, column in enumerate(numbers(columns)):
        yield EntityColumn(owner, column.name, table.numbers[:, place].astype(np.float64), {})


def _texts(slots: npt.NDArray[np.int64], slot_names: Sequence[str]) -> dict[int, str]:
    return {slot: _value(slot_names, slot) for slot in np.unique(slots).tolist()}


def _value(slot_names: Sequence[str], slot: int) -> str:
    return slot_names[slot].partition("=")[2] if slot < len(slot_names) else f"slot {slot}"
