"""The moment in which another release becomes the live one: one MULTI, carried out only if nothing has changed since we looked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.core.release import Previous, Release
from homefeed.store import databases, keys
from homefeed.store.hold import Hold
from homefeed.store.marks import Mark, read_mark
from homefeed.store.packing import Word, command
from homefeed.store.wire import Wire

AGAIN = "What is served is as it was; export again"


@dataclass(frozen=True, slots=True)
class Aside:
    """A release in a database beside the target. ``keys``: how many must be there, where that is known."""

    db: int
    mark: Mark
    release: Release
    keys: int | None = None


def swap_in(wire: Wire, held: Hold, target: int, aside: Aside) -> Release:
    """The release as it is from now on: its record says what was live before, and that this now lies where the release came from.

    Raises ``StoreError``, and nothing is changed, when the lock is lost or ``aside`` no longer holds what it held.
    """
    with held.still(wire):
        wire.send(command(b"WATCH", keys.MARK, keys.RELEASE_ID) + command(b"SELECT", aside.db) + command(b"WATCH", keys.MARK), 3)
        _check(wire, aside)
        before = databases.read_release_id(wire, target)
        release = replace(aside.release, previous=Previous(before, aside.db) if before else None)
        _swap(wire, held, target, aside.db, aside.mark.lineage, release)
    held.beat_in(None)
    return release


def _check(wire: Wire, aside: Aside) -> None:
    if read_mark(wire, aside.db) != aside.mark:
        raise StoreError(f"Another export has taken over database {aside.db} of {wire.name}", next_step=AGAIN)
    found = databases.size(wire, aside.db)
    if aside.keys not in (None, found):
        raise StoreError(
            f"Database {aside.db} of {wire.name} holds {found} keys where {aside.keys} were written",
            next_step="Nothing was changed. See whether the server is short of memory, or others write there",
        )


def _swap(wire: Wire, held: Hold, target: int, spare: int, lineage: str, release: Release) -> None:
    """SWAPDB takes the lock along: it is written anew where it will be the target's."""
    aside, live = Mark(lineage, target, "spare", owner=held.token), Mark(lineage, target, "live", owner=held.token)
    commands: list[tuple[Word, ...]] = [(b"SELECT", target), (b"UNLINK", keys.LOCK)]
    if databases.size(wire, target):
        commands.append((b"SET", keys.MARK, aside.to_json()))
    commands += [(b"SELECT", spare), (b"UNLINK", keys.HEARTBEAT), (b"SET", keys.MARK, live.to_json()), (b"SET", keys.RELEASE, release.to_json())]
    commands += [held.lock_command, (b"SWAPDB", target, spare)]
    try:
        done = wire.transaction(*commands)
    except StoreUnavailableError as error:
        raise StoreUnavailableError(f"{error.what}. Whether release {release.id} is live now is not known", next_step="See: homefeed status") from error
    if not done:
        raise StoreError(f"Others wrote to database {target} or {spare} of {wire.name} in the moment of the swap", next_step=AGAIN)
