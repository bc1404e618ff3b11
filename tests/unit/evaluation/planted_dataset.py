"""A processed dataset by hand, small enough to know every answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.dataset_meta import DatasetMeta, Seen, Split
from homefeed.artifacts.processed import Interactions, ItemFacts, ProcessedDataset
from homefeed.core.columns import Schema
from homefeed.features.entities import EntityTable
from homefeed.features.feature_map import Lineage

Row = tuple[int, int, int]
"""User row, item row, label."""


def dataset(
    n_users: int,
    n_items: int,
    train: Iterable[Row],
    test: Iterable[Row],
    *,
    seen: Literal["exclude", "keep"] = "exclude",
    sold_out: Sequence[int] = (),
    hotness: npt.NDArray[np.float32] | None = None,
) -> ProcessedDataset:
    """Users are rows 1..n_users, items rows 1..n_items; hotness counts down from item 1 unless given."""
    train_rows, test_rows = (np.array(list(rows), np.int32).reshape(-1, 3) for rows in (train, test))
    hotness = np.arange(n_items + 1, 0, -1, dtype=np.float32) if hotness is None else hotness
    clicks = np.bincount(train_rows[train_rows[:, 2] > 0, 1], minlength=n_items + 1).astype(np.int64)
    available = ~np.isin(np.arange(n_items + 1), [0, *sold_out])
    meta = DatasetMeta(Schema(), Lineage("shop"), Split("global", 0.2, 10**15, "s1"), Seen(seen, "planted"), 1.0, 50.0, 2 * 10**15, 10**15, 10**6)
    parts = (_interactions(rows, hotness) for rows in (train_rows, test_rows))
    return ProcessedDataset(meta, _entities("u", n_users), _entities("i", n_items), ItemFacts(available, hotness, hotness, clicks), *parts)


def taste_shop(seed: int = 0, n_users: int = 2000, n_items: int = 200) -> tuple[ProcessedDataset, npt.NDArray[np.bool_]]:
    """Everybody likes a tenth of the items, clicks what they like and nothing else; a fifth of the users come after the split.

    Also bool[users, items], who likes what.
    """
    rng = np.random.default_rng(seed)
    likes = rng.random((n_users + 1, n_items + 1)) < 0.1
    user, item = rng.integers(1, n_users + 1, 60_000), rng.integers(1, n_items + 1, 60_000)
    rows = np.column_stack([user, item, likes[user, item]])
    early = (np.arange(60_000) < 45_000) & (user <= 0.8 * n_users)
    return dataset(n_users, n_items, map(tuple, rows[early]), map(tuple, rows[45_000:]), hotness=rng.random(n_items + 1).astype(np.float32)), likes


def _entities(prefix: str, n: int) -> EntityTable:
    return EntityTable(["", *(f"{prefix}{row}" for row in range(1, n + 1))], np.arange(n + 1, dtype=np.int32)[:, None], {}, np.zeros((n + 1, 0), np.float32))


def _interactions(rows: npt.NDArray[np.int32], hotness: npt.NDArray[np.float32]) -> Interactions:
    user, item, label = rows.T
    ones = np.ones(len(rows), np.float32)
    return Interactions(np.arange(len(rows), dtype=np.int64), user, item, label.astype(np.float32), ones, hotness[item], np.zeros(len(rows), np.bool_))
