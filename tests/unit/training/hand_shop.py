"""A shop of ids alone, its log written out: a row is (user, item, label, hour)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from homefeed.artifacts.dataset_meta import DatasetMeta, Seen, Split
from homefeed.artifacts.processed import Interactions, ItemFacts, ProcessedDataset
from homefeed.core.columns import Schema
from homefeed.features.entities import EntityTable
from homefeed.features.feature_map import Fingerprint, Lineage

Row = tuple[int, int, int, int]
HOUR_US = 3600 * 10**6


def hand_shop(
    n_users: int,
    n_items: int,
    train: Iterable[Row],
    test: Iterable[Row],
    *,
    seen: Literal["exclude", "keep"] = "exclude",
    split: Literal["global", "per-user"] = "global",
    sold_out: Iterable[int] = (),
) -> ProcessedDataset:
    """Users are rows 1..n_users, items rows 1..n_items; slots are given out in that order."""
    learned, later = log_rows(train), log_rows(test)
    end_us, split_us = int(later.ts_us.max()), int(learned.ts_us.max())
    lineage = Lineage("shop", (Fingerprint("shop", n_users + n_items, "abc"),))
    meta = DatasetMeta(Schema(), lineage, Split(split, 0.1, split_us + 1, "s1"), Seen(seen, "planted"), 1.0, 50.0, end_us, split_us, 10**6)
    nothing, rows = np.zeros(n_items + 1, np.float32), np.arange(n_items + 1)
    facts = ItemFacts(~np.isin(rows, [0, *sold_out]), nothing, nothing, np.bincount(learned.item, learned.label, n_items + 1).astype(np.int64))
    return ProcessedDataset(meta, _entities(n_users, 1), _entities(n_items, 1 + n_users), facts, learned, later)


def log_rows(rows: Iterable[Row]) -> Interactions:
    """Each of weight 1."""
    user, item, label, hour = np.array(list(rows), np.int64).reshape(-1, 4).T
    ones = np.ones(len(user), np.float32)
    columns = (hour * HOUR_US, user.astype(np.int32), item.astype(np.int32), label.astype(np.float32))
    return Interactions(*columns, ones, ones, np.zeros(len(user), np.bool_))


def _entities(n: int, first_slot: int) -> EntityTable:
    slots = np.concatenate([[0], np.arange(first_slot, first_slot + n)]).astype(np.int32)[:, None]
    return EntityTable(["", *map(str, range(1, n + 1))], slots, {}, np.zeros((n + 1, 0), np.float32))
