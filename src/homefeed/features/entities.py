"""Users and items as columns of slots: what the ETL hands to models and to serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Slots = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class EntityTable:
    """N known users (or items); row 0 is the unknown one, all of its slots 0.

    ``ids``: raw ids by row, ``""`` in row 0. ``slots``: int32[N, 1 + C], the id's slot, then those of the C category columns.
    ``bags``: for each multi-valued column int32[N, L], slots of its values, 0-padded at the end. ``numbers``: float32[N, D], NaN where missing.
    """

    ids: Sequence[str]
    slots: Slots
    bags: Mapping[str, Slots]
    numbers: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def n_fields(self) -> int:
        """Fields of this side in a model: the id, the categories, the bags."""
        return int(self.slots.shape[1]) + len(self.bags)

    def rows_by_slot(self, map_size: int) -> npt.NDArray[np.int32]:
        """int32[map_size + 1]: the row of each id slot, 0 where the slot is none of this table's."""
        rows = np.zeros(map_size + 1, np.int32)
        rows[self.slots[:, 0]] = np.arange(len(self), dtype=np.int32)
        rows[0] = 0
        return rows
