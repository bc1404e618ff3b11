"""Releases whose lists say which release they are of: user 17 of release 3 reads ``r3-u17-0``, ``r3-u17-1``, …"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing

from store_servers import Server

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


def let_time_pass(server: Server) -> None:
    """The 12 seconds after which a dead writer's lock and heartbeat have run out, in a moment. They must have been on their way out."""
    for db in range(16):
        client = server.admin(db)
        for key in ("homefeed:lock", "homefeed:heartbeat"):
            left = client.pttl(key)
            assert left == -2 or 0 < left <= 15_000
            client.delete(key)


def everything_in(server: Server, db: int) -> dict[bytes, bytes]:
    """Every key of a database as the server would dump it, without a lock, which is not part of what is served."""
    client = server.admin(db)
    names = [key for key in client.scan_iter(count=1000) if key != b"homefeed:lock"]
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.dump(name)
        return {name: value for name, value in zip(names, pipe.execute(), strict=True) if value is not None}


def roles(server: Server) -> dict[int, str]:
    """What each database that bears a mark is."""
    marks = {db: server.admin(db).get("homefeed:mark") for db in range(16)}
    return {db: json.loads(mark)["role"] for db, mark in marks.items() if mark}
