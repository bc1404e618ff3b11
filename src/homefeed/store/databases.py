"""The databases of one server: how many there are, and what lies in each."""

from __future__ import annotations

from collections.abc import Iterator

from homefeed.core.errors import StoreError
from homefeed.core.release import Release
from homefeed.store import keys
from homefeed.store.complaints import RefusedError
from homefeed.store.packing import command
from homefeed.store.wire import Wire

MOST_DATABASES = 64
"""So many are looked at; a server may have been given thousands."""
_SCAN = 1000


def count(wire: Wire) -> int:
    """How many databases there are; a managed server that does not say is tried."""
    try:
        return int(wire.ask(b"CONFIG", b"GET", b"databases")[1])
    except (RefusedError, IndexError):
        return next((db for db in range(MOST_DATABASES) if not _exists(wire, db)), MOST_DATABASES)


def others(wire: Wire, target: int) -> list[int]:
    return [db for db in range(min(count(wire), MOST_DATABASES)) if db != target]


def read_release(wire: Wire, db: int) -> Release | None:
    """Raises ``StoreError`` when the key holds something else."""
    wire.select(db)
    return parse_release(wire.ask(b"GET", keys.RELEASE), f"database {db} of {wire.name}")


def read_release_id(wire: Wire, db: int) -> str | None:
    """None where no release lies."""
    wire.select(db)
    text: bytes | None = wire.ask(b"GET", keys.RELEASE_ID)
    return text.decode() if text else None


def parse_release(text: bytes | None, name: str) -> Release | None:
    try:
        return None if text is None else Release.from_json(text)
    except ValueError as error:
        raise StoreError(f"The release record in {name} cannot be read: {error}", next_step="Export again: homefeed export") from error


def size(wire: Wire, db: int) -> int:
    """Keys that stay: a lock and a heartbeat, which go by themselves, are not counted."""
    passing, all_keys = wire.send(command(b"SELECT", db) + command(b"EXISTS", *keys.PASSING) + command(b"DBSIZE"), 3)[1:]
    return int(all_keys - passing)


def foreign_keys(wire: Wire, db: int) -> list[str]:
    """A few of the keys that are not ours."""
    found: list[str] = []
    for batch in scan(wire, db):
        found += [key.decode(errors="replace") for key in batch if not keys.is_ours(key)]
        if len(found) >= 3:
            break
    return found[:3]


def scan(wire: Wire, db: int) -> Iterator[list[bytes]]:
    wire.select(db)
    cursor = b"0"
    while True:
        cursor, batch = wire.ask(b"SCAN", cursor, b"COUNT", _SCAN)
        yield batch
        if int(cursor) == 0:
            return


def _exists(wire: Wire, db: int) -> bool:
    try:
        wire.select(db)
    except RefusedError:
        return False
    return True
