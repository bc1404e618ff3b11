"""Releases whose lists say which release they are of: user 17 of release 3 reads ``r3-u17-0``, ``r3-u17-1``, …"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from homefeed.core.release import Release
from homefeed.store.base import UserList
from homefeed.store.connection import Store

SHOP, OTHER_SHOP = "a1b2c3", "d4e5f6"
HOT = [("hot-1", 0.75), ("hot-2", 0.5)]


def a_release(number: int, lineage: str = SHOP) -> Release:
    return Release(f"r{number}", "2026-11-24T10:00:00+00:00", lineage, f"{lineage}:1:ff", "2026-11-23", "keep", {"users": 1}, {"recall": {"recall_at_50": 0.5}})


def lists_of(number: int, users: Iterable[int], length: int = 100) -> Iterator[UserList]:
    for user in users:
        yield UserList(user, [f"r{number}-u{user}-{place}" for place in range(length)], b"0" * (length - 1) + b"1")


def export(store: Store, number: int, users: Iterable[int], lineage: str = SHOP, adopt: bool = False) -> None:
    with closing(store.writer(lineage, adopt=adopt)) as writer:
        writer.stage(a_release(number, lineage), lists_of(number, users), HOT)
        writer.publish()


def roll_back(store: Store, lineage: str = SHOP) -> Release:
    with closing(store.writer(lineage)) as writer:
        return writer.rollback()
