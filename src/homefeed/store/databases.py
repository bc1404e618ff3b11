"""The databases of one server: whose each is, what lies in it, and which is free to be filled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Literal

from homefeed.core.errors import StoreError
from homefeed.core.release import Release
from homefeed.store import keys
from homefeed.store.complaints import RefusedError
from homefeed.store.wire import Wire

Role = Literal["live", "spare", "staging"]
MOST_DATABASES = 64
"""So many are looked at; a server may have been given thousands."""
_SCAN = 1000


@dataclass(frozen=True, slots=True)
class Mark:
    """What we leave in every database that we use. ``target``: the database whose lists these are or were or will be; ``lineage``: the shop's map."""

    lineage: str
    target: int
    role: Role
    release: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def is_aside(self, target: int, lineage: str | None) -> bool:
        """Whether this is a spare of ``target`` that ``lineage`` (None: whoever owned the target) may fill."""
        return self.target == target and self.role != "live" and lineage in (None, self.lineage)


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """A release and the database that it lies in."""

    db: int
    release: Release


def read_mark(wire: Wire, db: int) -> Mark | None:
    """None where there is none; a mark that we cannot read is nobody's we know, so its database is left alone."""
    wire.select(db)
    kind = wire.ask("TYPE", keys.MARK)
    if kind == b"none":
        return None
    try:
        return Mark(**json.loads(wire.ask("GET", keys.MARK) if kind == b"string" else b""))
    except (ValueError, TypeError):
        return Mark(lineage="(unreadable)", target=db, role="live")


def read_release(wire: Wire, db: int) -> Release | None:
    """Raises ``StoreError`` when the key holds something else."""
    wire.select(db)
    return parse_release(wire.ask("GET", keys.RELEASE), f"database {db} of {wire.name}")


def read_release_id(wire: Wire, db: int) -> str | None:
    """None where no release lies."""
    wire.select(db)
    text: bytes | None = wire.ask("GET", keys.RELEASE_ID)
    return text.decode() if text else None


def parse_release(text: bytes | None, name: str) -> Release | None:
    try:
        return None if text is None else Release.from_json(text)
    except ValueError as error:
        raise StoreError(f"The release record in {name} cannot be read: {error}", next_step="Export again: homefeed export") from error


def size(wire: Wire, db: int) -> int:
    wire.select(db)
    return int(wire.ask("DBSIZE"))


def foreign_keys(wire: Wire, db: int) -> list[str]:
    """A few of the keys that are not ours."""
    found: list[str] = []
    for batch in scan(wire, db):
        found += [key.decode(errors="replace") for key in batch if not keys.is_ours(key)]
        if len(found) >= 3:
            break
    return found[:3]


def clear(wire: Wire, db: int) -> None:
    """Unlink our keys, and only ours; the mark stays."""
    for batch in scan(wire, db):
        ours = [key for key in batch if keys.is_ours(key) and key != keys.MARK]
        if ours:
            wire.ask("UNLINK", *ours)


def scan(wire: Wire, db: int) -> Iterator[list[bytes]]:
    wire.select(db)
    cursor = b"0"
    while True:
        cursor, batch = wire.ask("SCAN", cursor, "COUNT", _SCAN)
        yield batch
        if int(cursor) == 0:
            return


def count(wire: Wire) -> int:
    """How many databases there are; a managed server that does not say is tried."""
    try:
        return int(wire.ask("CONFIG", "GET", "databases")[1])
    except (RefusedError, IndexError):
        return next((db for db in range(MOST_DATABASES) if not _exists(wire, db)), MOST_DATABASES)


def find_spare(wire: Wire, target: int, lineage: str | None) -> int:
    """A database to fill: one that we filled before (a killed export's first), else an empty one. Raises ``StoreError`` when there is none."""
    others = _others(wire, target)
    marks = {db: mark for db in others if (mark := read_mark(wire, db))}
    ours = sorted((db for db, mark in marks.items() if mark.is_aside(target, lineage)), key=lambda db: marks[db].role != "staging")
    clean = (db for db in ours if not foreign_keys(wire, db))
    empty = (db for db in others if db not in marks and size(wire, db) == 0)
    spare = next(chain(clean, empty), None)
    if spare is None:
        raise StoreError(
            f"{wire.name} has no free database: a new release is written into an empty one and then swapped with database {target}",
            expected=f"one empty database among the {len(others)} others",
            next_step="Empty one, or raise `databases` in the server's configuration",
        )
    return spare


def find_previous(wire: Wire, target: int, lineage: str) -> StoredRelease | None:
    """The release before the live one, where a whole one is kept."""
    for db in _others(wire, target):
        mark = read_mark(wire, db)
        if mark and mark.is_aside(target, lineage) and mark.role == "spare" and (release := read_release(wire, db)):
            return StoredRelease(db, release)
    return None


def _others(wire: Wire, target: int) -> list[int]:
    return [db for db in range(min(count(wire), MOST_DATABASES)) if db != target]


def _exists(wire: Wire, db: int) -> bool:
    try:
        wire.select(db)
    except RefusedError:
        return False
    return True
