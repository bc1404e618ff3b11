"""The API as its users run it, on a free port, and a small release published where it reads."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from small_release import full_lists, iid, small_bundle
from store_servers import free_port
from waiting import eventually

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.store.base import UserList
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation, write_store_file

SOURCE = Path(__file__).parents[1] / "src"
SERVE = """
import os, sys
from homefeed.bootstrap.serve import run_server
from homefeed.bootstrap.settings import load_config, redis_named
from homefeed.core.errors import HomefeedError
try:
    run_server(load_config(None, os.environ, {}), redis_named(os.environ, {}))
except HomefeedError as error:
    sys.exit(f"Error: {error}")
"""


@dataclass(frozen=True, slots=True)
class Api:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, Any]:
        return self.get_raw(path.encode())

    def text(self, path: str, **headers: str) -> tuple[int, Message, str]:
        """Status, headers and body of an answer that need not be JSON."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def metric(self, sample: str) -> float:
        """A sample by its whole name with labels; 0 where nothing has been counted."""
        values = [line.rpartition(" ")[2] for line in self.text("/metrics")[2].splitlines() if line.rpartition(" ")[0] == sample]
        return float(values[0]) if values else 0.0

    def workers(self) -> set[int]:
        """Process ids."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in listed.splitlines()]
        return {int(pid) for pid, parent, state in rows if int(parent) == self.process.pid and not state.startswith("Z")}

    def get_raw(self, path: bytes) -> tuple[int, Any]:
        """Status and body of a request whose path goes over the wire as it is."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
            head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if body else None

    def answers(self) -> bool:
        try:
            self.get("/health")
        except OSError:
            return False
        return True


def environment(data: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
    return kept | {"PYTHONPATH": str(SOURCE), "RECSYS_PATHS_DATA": str(data), "RECSYS_API_HOST": "127.0.0.1"} | settings


@contextmanager
def published(data: Path, release_id: str = "r1") -> Iterator[Store]:
    """An embedded store with a release, where an API over ``data`` looks for it."""
    location = StoreLocation("embedded", 1, folder=data / "store")
    with connect(location, 5.0) as store:
        publish(store, data, small_bundle(release_id))
        write_store_file(data / "store.json", location)
        yield store


@contextmanager
def running(data: Path, **settings: str) -> Iterator[Api]:
    port = free_port()
    log = data / "api.log"
    with log.open("wb") as file:
        environ = environment(data, RECSYS_API_PORT=str(port), **settings)
        process = subprocess.Popen([sys.executable, "-c", SERVE], cwd=data, env=environ, stdout=file, stderr=file, start_new_session=True)
    api = Api(process, port, log)
    try:
        assert eventually(lambda: process.poll() is not None or api.answers())
        assert process.poll() is None, log.read_text()
        yield api
    finally:
        process.terminate()
        process.wait(20)


def publish(store: Store, data: Path, bundle: Bundle) -> Mapping[int, list[str]]:
    write_bundle(data / "releases", bundle)
    lists = full_lists(bundle, seed=len(bundle.release.id))
    writer = store.writer("shop")
    writer.stage(bundle.release, [UserList(slot, ids, b"0" * len(ids)) for slot, ids in lists.items()], [(iid(1), 1.0)])
    writer.publish()
    writer.close()
    return lists
