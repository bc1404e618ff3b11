"""Servers of the tests' own, each started in a folder and ended afterwards."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from homefeed.config import RedisConfig
from homefeed.store.address import redis_address
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation

REDIS_SERVER = shutil.which("redis-server")


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the tests' own. ``at(db)`` names one of its databases; ``admin(db)`` is a client that may do anything, or what ``username`` may."""

    place: StoreLocation
    socket: str | None = None

    def at(self, db: int = 1) -> StoreLocation:
        return replace(self.place, db=db)

    def connect(self, db: int = 1, timeout_seconds: float = 5.0, **login: Any) -> Store:
        """``login``: settings of ``redis.*``. On the embedded server, which has no users, they are tried at its socket."""
        config = RedisConfig.model_validate(login)
        if not (login and self.socket):
            return connect(self.at(db), timeout_seconds, config)
        place = replace(self.at(db), kind="redis")
        return Store(place, replace(redis_address(place, timeout_seconds, config), path=self.socket))

    def admin(self, db: int = 0, username: str | None = None, password: str | None = None) -> redis.Redis:
        address: dict[str, Any] = {"unix_socket_path": self.socket} if self.socket else {"host": self.place.host, "port": self.place.port}
        return redis.Redis(db=db, username=username, password=password, protocol=2, retry=Retry(NoBackoff(), 0), **address)


@contextmanager
def embedded_server(folder: Path) -> Iterator[Server]:
    with connect(StoreLocation("embedded", 0, folder=folder), 5.0) as store:
        assert store.embedded is not None
        yield Server(store.location, store.embedded.socket)


@contextmanager
def real_redis(folder: Path, *arguments: str, cwd: Path | None = None) -> Iterator[Server]:
    """A redis-server on a free loopback port, ended afterwards."""
    if REDIS_SERVER is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = [REDIS_SERVER, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder), *arguments]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=cwd)
    try:
        found = Server(StoreLocation("redis", 0, "127.0.0.1", port))
        _wait_until_it_answers(found)
        yield found
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Not too high: a cluster listens at 10,000 above its port as well."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port <= 55_535:
            return port


def _wait_until_it_answers(server: Server) -> None:
    for _ in range(500):
        try:
            server.admin().ping()
            return
        except redis.AuthenticationError:
            return
        except redis.ConnectionError:
            time.sleep(0.01)
    raise AssertionError("redis-server did not come up")
