"""Where lists are written and read: decided once, by one rule, and remembered after a successful export."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from homefeed.config import RedisConfig
from homefeed.core.errors import StoreError

_CONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """A database of a server: of a Redis at ``host:port``, or of the embedded Valkey in ``folder``. No secret."""

    kind: Literal["redis", "embedded"]
    db: int
    host: str = ""
    port: int = 0
    folder: Path = Path()

    def __str__(self) -> str:
        return f"the embedded Valkey in {self.folder}" if self.kind == "embedded" else f"Redis at {self.host}:{self.port}"


def resolve_store(redis: RedisConfig, explicit: bool, store_file: Path) -> StoreLocation:
    """A Redis that was named by flag or environment (``explicit``), else the store of the last export, else the default address.

    Raises ``StoreError`` when the store file cannot be read. Whether the store answers is not asked: one that is down is never a reason for another.
    """
    remembered = None if explicit else read_store_file(store_file)
    return remembered or StoreLocation("redis", redis.db, redis.host, redis.port)


def resolve_store_for_export(redis: RedisConfig, explicit: bool, store_file: Path, embedded_folder: Path) -> StoreLocation:
    """The same, but where no store was named and nothing listens at the default address: the embedded one."""
    location = resolve_store(redis, explicit, store_file)
    named = explicit or store_file.exists()
    return location if named or _listens(location) else StoreLocation("embedded", redis.db, folder=embedded_folder)


def read_store_file(path: Path) -> StoreLocation | None:
    """None before the first export. Raises ``StoreError`` when the file holds something else."""
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text())
        if record["kind"] == "embedded":
            return StoreLocation("embedded", int(record["db"]), folder=path.parent / record["folder"])
        if record["kind"] == "redis":
            return StoreLocation("redis", int(record["db"]), str(record["host"]), int(record["port"]))
        raise ValueError(f"unknown kind {record['kind']!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} does not name a store ({type(error).__name__}: {error})",
            expected='{"kind": "redis", "host": …, "port": …, "db": …} or {"kind": "embedded", "folder": …, "db": …}',
            next_step="Delete it and export again: homefeed export",
        ) from error


def write_store_file(path: Path, location: StoreLocation) -> None:
    """Remember where an export went; whole or not at all. A folder is named relative to the file, so that both can move."""
    if location.kind == "embedded":
        record: dict[str, str | int] = {"kind": "embedded", "folder": os.path.relpath(location.folder, path.parent), "db": location.db}
    else:
        record = {"kind": "redis", "host": location.host, "port": location.port, "db": location.db}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(record) + "\n")
    fresh.replace(path)


def _listens(location: StoreLocation) -> bool:
    try:
        socket.create_connection((location.host, location.port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
