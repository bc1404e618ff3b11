"""A shop of groups: users of a group click its items and hardly any others, so that whoever knows a user's clicks beats any list for everybody."""

from __future__ import annotations

import numpy as np
from planted_dataset import Row, dataset

from homefeed.artifacts.processed import ProcessedDataset

USERS, ITEMS, GROUPS, NEW_USERS = 120, 60, 6, 5


def group_of(row: int) -> int:
    """Of a user or an item, by its row."""
    return row % GROUPS


def group_shop(seed: int = 0, **settings: object) -> ProcessedDataset:
    """Users 1..``USERS`` click before and after the split, the ``NEW_USERS`` after them only after it."""
    rng = np.random.default_rng(seed)
    rows = [_row(rng, int(rng.integers(1, USERS + 1))) for _ in range(8_000)]
    late = [_row(rng, user) for user in range(USERS + 1, USERS + NEW_USERS + 1) for _ in range(40)]
    return dataset(USERS + NEW_USERS, ITEMS, rows[:6_000], rows[6_000:] + late, **settings)  # type: ignore[arg-type]


def _row(rng: np.random.Generator, user: int) -> Row:
    item = int(rng.integers(1, ITEMS + 1))
    chance = 0.8 if group_of(user) == group_of(item) else 0.05
    return user, item, int(rng.random() < chance)
