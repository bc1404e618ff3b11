"""A store, opened: a place, how to reach it, and who reads and writes there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from homefeed.config import RedisConfig
from homefeed.core.release import Release
from homefeed.store import databases
from homefeed.store.address import Address, redis_address
from homefeed.store.embedded import EmbeddedServer, open_embedded, save_to_disk
from homefeed.store.hold import Holder, read_holder
from homefeed.store.location import StoreLocation
from homefeed.store.marks import read_mark
from homefeed.store.ownership import check_swap, check_target
from homefeed.store.redis_reader import RedisReader
from homefeed.store.redis_writer import RedisWriter
from homefeed.store.spares import find_previous
from homefeed.store.wire import Wire


@dataclass(frozen=True, slots=True)
class Releases:
    """What a store holds: the release that is read, and the one of its lineage that a rollback would bring back."""

    live: Release | None
    previous: Release | None


@dataclass(frozen=True, slots=True)
class Store:
    """Close it after use: the embedded server ends with its last user."""

    location: StoreLocation
    address: Address
    embedded: EmbeddedServer | None = None
    _readers: list[RedisReader] = field(default_factory=list, repr=False)

    def reader(self) -> RedisReader:
        reader = RedisReader(replace(self.address, name=f"{self.location} (database {self.location.db})"))
        self._readers.append(reader)
        return reader

    def writer(self, lineage: str, *, adopt: bool = False) -> RedisWriter:
        """Close it after use: it may hold the target."""
        return RedisWriter(self.address, lineage, lambda: datetime.now(UTC), adopt=adopt, keep=save_to_disk if self.embedded else None)

    def releases(self) -> Releases:
        with Wire(self.address) as wire:
            db = self.location.db
            mark = read_mark(wire, db)
            live = databases.read_release(wire, db)
            previous = find_previous(wire, db, mark.lineage) if mark else None
            same_map = live and previous and previous.release.lineage == live.lineage
            return Releases(live, previous.release if previous and same_map else None)

    def holder(self) -> Holder | None:
        """Who exports to it or rolls it back right now."""
        with Wire(self.address) as wire:
            return read_holder(wire, self.location.db)

    def check(self, lineage: str | None, *, adopt: bool = False) -> None:
        """Raises ``StoreError`` where an export of ``lineage`` (None: not known yet) would be refused as things are."""
        with Wire(self.address) as wire:
            check_swap(wire, self.location.db)
            check_target(wire, self.location.db, lineage, adopt)

    def revive(self) -> None:
        """Start the embedded server again unless it runs; a Redis is somebody else's to start. Raises ``StoreError`` when it does not come up."""
        if self.embedded:
            self.embedded.revive()

    def close(self) -> None:
        while self._readers:
            self._readers.pop().close()
        if self.embedded:
            self.embedded.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def connect(location: StoreLocation, timeout_seconds: float, redis_config: RedisConfig | None = None) -> Store:
    """Open a store; the embedded one is started unless it runs. A Redis is first spoken to by the first read or write.

    ``timeout_seconds``: deadline of each wait for the server, to connect and to be answered; nothing is tried twice.
    ``redis_config``: user name, password and TLS, which concern a Redis alone.
    """
    if location.kind == "redis":
        return Store(location, redis_address(location, timeout_seconds, redis_config or RedisConfig()))
    server = open_embedded(location.folder)
    return Store(location, Address(str(location), location.db, timeout_seconds, path=server.socket), server)
