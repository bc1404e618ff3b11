"""A store, opened: the one place where clients are made."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from homefeed.config import RedisConfig
from homefeed.core.release import Release
from homefeed.store import databases
from homefeed.store.embedded import EmbeddedServer, open_embedded, save_to_disk
from homefeed.store.location import StoreLocation
from homefeed.store.redis_reader import RedisReader
from homefeed.store.redis_writer import RedisWriter
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
    client: redis.Redis
    embedded: EmbeddedServer | None = None

    def reader(self) -> RedisReader:
        return RedisReader(self.client, f"{self.location} (database {self.location.db})")

    def writer(self, lineage: str, *, adopt: bool = False) -> RedisWriter:
        """Raises ``StoreUnavailableError`` when the store does not answer. Close it after use."""
        return RedisWriter(self.client, str(self.location), self.location.db, lineage, adopt=adopt, keep=save_to_disk if self.embedded else None)

    def releases(self) -> Releases:
        with closing(Wire(self.client, str(self.location))) as wire:
            db = self.location.db
            mark = databases.read_mark(wire, db)
            live = databases.read_release(wire, db)
            previous = databases.find_previous(wire, db, mark.lineage) if mark else None
            same_map = live and previous and previous.release.lineage == live.lineage
            return Releases(live, previous.release if previous and same_map else None)

    def revive(self) -> None:
        """Start the embedded server again unless it runs; a Redis is somebody else's to start. Raises ``StoreError`` when it does not come up."""
        if self.embedded:
            self.embedded.revive()

    def close(self) -> None:
        self.client.close()
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
        return Store(location, _client(timeout_seconds, location.db, host=location.host, port=location.port, **_login(redis_config or RedisConfig())))
    server = open_embedded(location.folder)
    return Store(location, _client(timeout_seconds, location.db, unix_socket_path=server.socket), server)


def _login(config: RedisConfig) -> dict[str, Any]:
    login: dict[str, Any] = {"username": config.username or None, "password": config.password.get_secret_value() or None}
    return login | ({"ssl": True, "ssl_ca_certs": config.tls_ca_file} if config.tls else {})


def _client(timeout_seconds: float, db: int, **address: Any) -> redis.Redis:
    """RESP2 and bytes, since reader and writer take replies as they come; no retries."""
    no_retries = Retry(NoBackoff(), 0)
    return redis.Redis(db=db, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=no_retries, protocol=2, **address)
