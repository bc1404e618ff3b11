"""Embedding rows of one side's fields in numpy: the twin of ``layers.field_embeddings``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.features.encoder import EncodedTable

Floats = npt.NDArray[np.float32]


def field_embeddings(embedding: Floats, side: EncodedTable) -> Floats:
    """float32[N, F, d] from the table float32[R, d]: one vector a field; a bag's is the mean over its values."""
    single = embedding[side.fields]
    if not side.bags:
        return single
    return np.concatenate([single, *(_bag_mean(embedding, bag)[:, None] for bag in side.bags)], axis=1)


def one_row(table: EncodedTable, row: int) -> EncodedTable:
    """The table of a single entity."""
    part = slice(row, row + 1)
    return EncodedTable(table.fields[part], tuple(bag[part] for bag in table.bags), table.dense[part])


def _bag_mean(embedding: Floats, bag: npt.NDArray[np.int32]) -> Floats:
    """float32[N, d]; the last embedding row pads and is zero."""
    present = (bag != len(embedding) - 1).sum(1, keepdims=True).clip(min=1)
    mean: Floats = (embedding[bag].sum(1) / present).astype(np.float32)
    return mean
