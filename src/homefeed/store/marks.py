"""What we leave in every database that we use: whose it is, and what for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from homefeed.store import keys
from homefeed.store.packing import command
from homefeed.store.wire import Wire

Role = Literal["live", "spare", "staging"]


@dataclass(frozen=True, slots=True)
class Mark:
    """``target``: the database whose lists these are or were or will be; ``lineage``: the shop's map; ``owner``: the token of the writer that set it.

    Beside it in a database that is being filled, and only there, ``keys.HEARTBEAT`` says that its writer lives. Marks of version 1.0 name no owner.
    """

    lineage: str
    target: int
    role: Role
    release: str = ""
    owner: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    def is_aside(self, target: int, lineage: str | None) -> bool:
        """Whether this is a spare of ``target`` that ``lineage`` (None: whoever owned the target) may fill."""
        return self.target == target and self.role != "live" and lineage in (None, self.lineage)


def read_mark(wire: Wire, db: int) -> Mark | None:
    """None where there is none; a mark that we cannot read is nobody's we know, so its database is left alone."""
    kind = wire.send(command(b"SELECT", db) + command(b"TYPE", keys.MARK), 2)[-1]
    if kind == b"none":
        return None
    try:
        return Mark(**json.loads(wire.ask(b"GET", keys.MARK) if kind == b"string" else b""))
    except (ValueError, TypeError):
        return Mark(lineage="(unreadable)", target=db, role="live")


def is_alive(wire: Wire, db: int) -> bool:
    """Whether the writer that fills this database still renews its heartbeat."""
    return bool(wire.send(command(b"SELECT", db) + command(b"EXISTS", keys.HEARTBEAT), 2)[-1])


def claim(wire: Wire, db: int, seen: Mark | None, mark: Mark, alive_ms: int) -> bool:
    """Take a database that was found free, marked as ``seen``, to fill it; False where another was quicker. No release can be read in it from now on."""
    wire.select(db)
    wire.ask(b"WATCH", keys.MARK, *keys.PASSING)  # the lock too: a shop that begins to use it as its target
    if read_mark(wire, db) != seen or is_alive(wire, db) or (seen is None and wire.ask(b"DBSIZE")):
        wire.ask(b"UNWATCH")
        return False
    return wire.transaction(
        (b"SET", keys.MARK, mark.to_json()),
        (b"SET", keys.HEARTBEAT, mark.owner, b"PX", alive_ms),
        (b"UNLINK", keys.RELEASE_ID, keys.RELEASE),
    )


def guarded(wire: Wire, mark: Mark, packed: bytes, commands: int) -> bool:
    """Carry packed commands out in one MULTI, only while the selected database bears this very ``mark``: nothing of a writer that was overtaken in its
    sleep lands in the other's lists. False where it no longer does."""
    there = wire.send(command(b"WATCH", keys.MARK) + command(b"GET", keys.MARK), 2)[-1]
    if there == mark.to_json().encode():
        return wire.packed_transaction(packed, commands)
    wire.ask(b"UNWATCH")
    return False
