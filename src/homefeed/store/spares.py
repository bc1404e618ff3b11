"""The databases beside a target: which may be filled, which holds the release before, and which are no longer needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from homefeed.core.errors import StoreError
from homefeed.core.release import Release
from homefeed.store import databases, keys
from homefeed.store.marks import Mark, claim, guarded, is_alive, read_mark
from homefeed.store.packing import command
from homefeed.store.wire import Wire


@dataclass(frozen=True, slots=True)
class StoredRelease:
    """A release and the database that it lies in."""

    db: int
    release: Release


def claim_spare(wire: Wire, mark: Mark, lineage: str | None, alive_ms: int) -> int:
    """A database to fill, marked with ``mark`` and cleared of what an earlier export of the same target and ``lineage`` (None: any) left there.

    A dead export's first, then an empty one, and the one that holds the release before last, so that an export that fails costs no way back while there is
    another place. Raises ``StoreError`` when there is none.
    """
    for db, seen in _free(wire, mark.target, lineage):
        if claim(wire, db, seen, mark, alive_ms):
            clear(wire, db, mark)
            return db
    raise StoreError(
        f"{wire.name} has no free database: a new release is written into an empty one and then swapped with database {mark.target}",
        expected=f"one empty database among the {len(databases.others(wire, mark.target))} others",
        next_step="Empty one, or raise `databases` in the server's configuration",
    )


def clear(wire: Wire, db: int, mark: Mark) -> bool:
    """Unlink our keys, and only ours, while the database bears this very ``mark``, which stays, as do lock and heartbeat. False where it no longer does."""
    kept = (keys.MARK, *keys.PASSING)
    for batch in databases.scan(wire, db):
        ours = [key for key in batch if keys.is_ours(key) and key not in kept]
        if ours and not wire.unlink_while(keys.MARK, mark.to_json().encode(), *ours):
            return False
    return True


def give_back(wire: Wire, db: int, mark: Mark) -> None:
    """Make a database that bears this very ``mark`` an empty one again."""
    if clear(wire, db, mark):
        wire.unlink_while(keys.MARK, mark.to_json().encode(), keys.HEARTBEAT, keys.MARK)


def find_previous(wire: Wire, target: int, lineage: str) -> StoredRelease | None:
    """The release before the live one: the one that the live record names, else (after a flush, or from version 1.0) the newest whole one that is kept."""
    live = databases.read_release(wire, target)
    named = (live.previous.db, live.previous.id) if live and live.previous else None
    kept = [StoredRelease(db, release) for db, mark in _aside(wire, target, lineage) if mark.role == "spare" and (release := databases.read_release(wire, db))]
    kept = [stored for stored in kept if not databases.foreign_keys(wire, stored.db)]
    return max(kept, key=lambda stored: ((stored.db, stored.release.id) == named, stored.release.created_at), default=None)


def clear_older(wire: Wire, target: int, lineage: str | None, keep: int) -> None:
    """Empty what earlier exports left beside the target, except the database ``keep``. One that others began to use is left alone."""
    for db, mark in _aside(wire, target, lineage):
        if db != keep and not is_alive(wire, db) and not databases.foreign_keys(wire, db):
            left = replace(mark, role="staging")  # from here on nobody takes it for a whole release
            wire.select(db)
            guarded(wire, mark, command(b"SET", keys.MARK, left.to_json()) + command(b"UNLINK", keys.RELEASE_ID, keys.RELEASE), 2)
            give_back(wire, db, left)


def _free(wire: Wire, target: int, lineage: str | None) -> Iterator[tuple[int, Mark | None]]:
    marked = [(db, mark) for db, mark in _aside(wire, target, lineage) if not is_alive(wire, db) and not databases.foreign_keys(wire, db)]
    dead = ((db, mark) for db, mark in marked if mark.role == "staging")
    before = ((db, mark) for db, mark in marked if mark.role == "spare")
    empty = ((db, None) for db in databases.others(wire, target) if _is_empty(wire, db))
    return chain(dead, empty, before)


def _aside(wire: Wire, target: int, lineage: str | None) -> Iterator[tuple[int, Mark]]:
    for db in databases.others(wire, target):
        mark = read_mark(wire, db)
        if mark and mark.is_aside(target, lineage):
            yield db, mark


def _is_empty(wire: Wire, db: int) -> bool:
    """Not even the lock of a shop that is about to fill it for the first time."""
    wire.select(db)
    return not (wire.ask(b"EXISTS", *keys.PASSING) or wire.ask(b"DBSIZE"))
