"""One writer a target at a time: a lock in the target that is renewed while its holder lives, and runs out by the server's clock when it does not."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.store import keys
from homefeed.store.address import Address
from homefeed.store.packing import Word, command
from homefeed.store.wire import Wire

TTL_MS = 12_000
"""A dead holder's lock is gone after so long; a holder that is alive may stand still for nearly as long."""
_RENEW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes. ``since``: ISO 8601; ``token``: nobody else's."""

    token: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


class Hold:
    """A held target. A thread with a connection of its own renews the lock, and the heartbeat in the database that is being filled."""

    def __init__(self, address: Address, holder: Holder) -> None:
        self.token = holder.token
        self._address = address
        self._value = holder.to_json()
        self._heartbeat_db: int | None = None
        self._lost = ""
        self._wire: Wire | None = None
        self._renewing, self._released = Lock(), Event()
        self._thread = Thread(target=self._renew_until_released, name="lock-renewal", daemon=True)

    @property
    def lock_command(self) -> tuple[Word, ...]:
        """What writes the lock anew, with all its time."""
        return (b"SET", keys.LOCK, self._value, b"PX", TTL_MS)

    def beat_in(self, db: int | None) -> None:
        """From now on the heartbeat in this database is renewed too."""
        with self._renewing:
            self._heartbeat_db = db

    def check(self) -> None:
        """Raises ``StoreError`` when the lock was lost."""
        if self._lost:
            raise StoreError(self._lost, next_step="What is served is as it was; export again")

    @contextmanager
    def still(self, wire: Wire) -> Iterator[None]:
        """For a transaction: the lock has all its time again, is watched on ``wire``, and is not renewed until the end.

        Raises ``StoreError`` when it was lost.
        """
        with self._renewing:
            wire.select(self._address.db)
            wire.ask(b"PEXPIRE", keys.LOCK, TTL_MS)
            wire.ask(b"WATCH", keys.LOCK)
            self._note(wire.ask(b"GET", keys.LOCK))
            self.check()
            yield

    def release(self) -> None:
        """Let others write. An unreachable server is not waited for: the lock runs out by itself."""
        self._released.set()
        self._thread.join()
        with suppress(StoreError), Wire(self._address) as wire:
            wire.unlink_while(keys.LOCK, self._value.encode(), keys.LOCK)

    def _renew_until_released(self) -> None:
        while not self._lost and not self._released.wait(_RENEW_SECONDS):
            with self._renewing:
                try:
                    self._renew()
                except StoreUnavailableError:
                    self._wire = None  # the next try is on a new connection; what counts is whether the lock is still there then
                except StoreError as error:
                    self._lost = str(error)
        if self._wire:
            self._wire.close()

    def _renew(self) -> None:
        self._wire = self._wire or Wire(self._address)
        self._wire.select(self._address.db)
        self._note(self._wire.ask(b"GET", keys.LOCK))
        if self._lost:
            return
        self._wire.ask(b"PEXPIRE", keys.LOCK, TTL_MS)
        if self._heartbeat_db is not None:
            self._wire.send(command(b"SELECT", self._heartbeat_db) + command(b"PEXPIRE", keys.HEARTBEAT, TTL_MS), 2)

    def _note(self, value: bytes | None) -> None:
        if value != self._value.encode():
            stood_still = f"This process or the server stood still for {TTL_MS // 1000} s, or somebody emptied the database"
            now = f"Now it is held by {_parsed(value)}" if value else stood_still
            self._lost = f"The lock of database {self._address.db} of {self._address.name} is lost. {now}"


def hold(address: Address, now: datetime) -> Hold:
    """Take the target at ``address``. Raises ``StoreError`` with the holder's name when it is taken."""
    holder = Holder(secrets.token_hex(8), socket.gethostname(), os.getpid(), now.astimezone(UTC).isoformat(timespec="seconds"))
    taken = Hold(address, holder)
    with Wire(address) as wire:
        if wire.ask(*taken.lock_command, b"NX") is None:
            raise StoreError(
                f"Another export or rollback is writing to database {address.db} of {address.name}: {read_holder(wire, address.db) or 'it ended this moment'}",
                next_step=f"Wait until it has ended. If it was killed, its lock runs out within {TTL_MS // 1000} s",
            )
    taken._thread.start()
    return taken


def read_holder(wire: Wire, db: int) -> Holder | None:
    """Who writes to this target right now."""
    wire.select(db)
    value = wire.ask(b"GET", keys.LOCK)
    return _parsed(value) if value else None


def _parsed(value: bytes) -> Holder:
    try:
        return Holder(**json.loads(value))
    except (ValueError, TypeError):
        return Holder("", "an unknown host", 0, "an unknown time")
