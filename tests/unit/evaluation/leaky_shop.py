"""A clean shop, and ways to plant a leak in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.core.columns import Column
from homefeed.evaluation.leaks.findings import Leak, Look

NO_NAMES: tuple[str, ...] = ()


def with_number(dataset: ProcessedDataset, owner: str, name: str, values: npt.NDArray[np.floating]) -> ProcessedDataset:
    """``values``: one for each user or item but the unknown one; NaN where missing."""
    table = dataset.users if owner == "user" else dataset.items
    numbers = np.hstack([table.numbers, np.concatenate([[np.nan], values])[:, None]]).astype(np.float32)
    return _with(dataset, owner, replace(table, numbers=numbers), Column(name, "number"))


def with_category(dataset: ProcessedDataset, owner: str, name: str, texts: Sequence[str]) -> tuple[ProcessedDataset, list[str]]:
    """Also the slots' names, which begin with those of no other column."""
    table = dataset.users if owner == "user" else dataset.items
    values, codes = np.unique(texts, return_inverse=True)
    names = [f"other={slot}" for slot in range(dataset.map_size + 1)] + [f"{name}={value}" for value in values]
    slots = np.hstack([table.slots, np.concatenate([[0], codes + dataset.map_size + 1])[:, None]]).astype(np.int32)
    return _with(dataset, owner, replace(table, slots=slots), Column(name)), names


def rows_of(dataset: ProcessedDataset) -> Interactions:
    return Interactions.concatenate([dataset.train, dataset.test])


def only(look: Look) -> Leak:
    (leak,) = look.leaks
    return leak


def _with(dataset: ProcessedDataset, owner: str, table: object, column: Column) -> ProcessedDataset:
    schema = dataset.meta.schema
    longer = replace(schema, **{owner: (*getattr(schema, owner), column)})
    return replace(dataset, meta=replace(dataset.meta, schema=longer), **{f"{owner}s": table})
