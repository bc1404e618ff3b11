"""A running API of a small shop, its store, and visitors who never stop asking: what the tests of this folder break things under."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import redis
from small_release import full_lists, iid
from store_servers import REDIS_SERVER, Server, free_port
from waiting import eventually

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.artifacts.release_folder import write_live
from homefeed.store.base import UserList
from homefeed.store.connection import connect
from homefeed.store.location import StoreLocation, write_store_file

SOURCE = Path(__file__).parents[2] / "src"
LONGEST_SECONDS = 1.5
RECOVERY_SECONDS = 2.0
PATIENT = {"RECSYS_REDIS_TIMEOUT_MS": "1000"}
"""A deadline that a busy machine keeps, for tests of something else than the deadline."""
VISITORS = ("ann", "bob", "zo%C3%AB", "a/b", "nobody", "18292817638588633000")


class RedisProcess:
    """A redis-server of the test's own that can be hung, killed and started again on the same port with what it last saved."""

    def __init__(self, folder: Path) -> None:
        if REDIS_SERVER is None:
            pytest.skip("redis-server is not installed")
        folder.mkdir(exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.location = StoreLocation("redis", 1, "127.0.0.1", self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [str(REDIS_SERVER), "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)

    def admin(self, db: int = 1) -> redis.Redis:
        return Server(self.location).admin(db)

    def save(self) -> None:
        self.admin().save()

    def hang(self) -> None:
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def answers(self) -> bool:
        try:
            return bool(self.admin().ping())
        except redis.RedisError:
            return False

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class EmbeddedProcess:
    """The embedded server of the shop, seen from outside."""

    def __init__(self, folder: Path) -> None:
        self.location = StoreLocation("embedded", 1, folder=folder)
        self._hold = connect(self.location, 5.0)
        assert self._hold.embedded is not None
        self._server = Server(self.location, self._hold.embedded.socket)

    def admin(self, db: int = 1) -> redis.Redis:
        return self._server.admin(db)

    def save(self) -> None:
        self.admin().save()

    def hang(self) -> int:
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)
        return pid

    def kill(self) -> None:
        os.kill(self.pid(), signal.SIGKILL)

    def pid(self) -> int:
        return int(self.admin().info("server")["process_id"])

    def answers(self) -> bool:
        try:
            return bool(self.admin().ping())
        except redis.RedisError:
            return False

    def close(self) -> None:
        self._hold.close()


@dataclass(frozen=True, slots=True)
class Api:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            return _get(connection, path)

    def answers(self) -> bool:
        try:
            self.get("/health")
        except OSError:
            return False
        return True

    def is_whole(self) -> bool:
        """Whether a known user gets all that there is."""
        return bool(self.get("/recommend/bob")[1]["degraded"] == [])


@dataclass(frozen=True, slots=True)
class Answer:
    """``asked``: ``time.monotonic``. ``seconds``: until the body was read. ``body`` is None where the request failed."""

    asked: float
    seconds: float
    status: int
    body: Mapping[str, Any] | None
    why: str = ""


@dataclass(slots=True)
class Load:
    """What the visitors met."""

    answers: list[Answer] = field(default_factory=list)

    def failed(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200]

    def short(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.body and len(answer.body["items"]) < 10]

    def worst_seconds(self) -> float:
        return max(answer.seconds for answer in self.answers)

    def degraded(self, since: float = 0.0) -> set[str]:
        return {part for answer in self.answers if answer.body and answer.asked >= since for part in answer.body["degraded"]}

    def assert_nobody_noticed(self) -> None:
        """No failed request, no short slate, none over the limit."""
        assert self.answers
        assert not self.failed(), self.failed()[:3]
        assert not self.short(), self.short()[:3]
        assert self.worst_seconds() < LONGEST_SECONDS


@contextmanager
def running_api(data: Path, location: StoreLocation, **settings: str) -> Iterator[Api]:
    """``homefeed serve`` on a free port, with the default deadline of a read."""
    data.mkdir(exist_ok=True)
    write_store_file(data / "store.json", location)
    port, log = free_port(), data / "api.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
    environ = kept | {"PYTHONPATH": str(SOURCE), "RECSYS_PATHS_DATA": str(data), "RECSYS_API_HOST": "127.0.0.1", "RECSYS_API_PORT": str(port)} | settings
    with log.open("ab") as file:
        process = subprocess.Popen([sys.executable, "-m", "homefeed", "serve"], cwd=data, env=environ, stdout=file, stderr=file)
    api = Api(process, port, log)
    try:
        assert eventually(lambda: process.poll() is not None or api.answers()), log.read_text()
        assert process.poll() is None, log.read_text()
        yield api
    finally:
        process.terminate()
        process.wait(20)
        assert "Traceback" not in log.read_text(), log.read_text()


@contextmanager
def visitors(api: Api, count: int = 4) -> Iterator[Load]:
    """Keep-alive connections that ask for slates in turn until the block ends; it may look at what they met meanwhile."""
    load, stop = Load(), Event()
    threads = [Thread(target=_ask, args=(api, VISITORS[n:] + VISITORS[:n], load.answers, stop), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.3)
        yield load
        time.sleep(0.3)
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def publish(location: StoreLocation, data: Path, bundle: Bundle, *, on_disk: bool = True) -> Mapping[int, list[str]]:
    """As an export does it: the bundle on disk, the lists in the store, one swap, LIVE."""
    lists = full_lists(bundle, seed=len(bundle.release.id))
    with connect(location, 5.0) as store:
        if on_disk:
            write_bundle(data / "releases", bundle)
        writer = store.writer("shop")
        writer.stage(bundle.release, [UserList(slot, ids, b"0" * len(ids)) for slot, ids in lists.items()], [(iid(1), 1.0)])
        writer.publish()
        writer.close()
    write_live(data / "releases", bundle.release.id)
    return lists


def seconds_until(condition: Callable[[], bool], at_most: float = 20.0) -> float:
    """Raises ``AssertionError`` where it does not come true."""
    started = time.monotonic()
    assert eventually(condition, at_most)
    return time.monotonic() - started


def _ask(api: Api, uids: Sequence[str], answers: list[Answer], stop: Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
    with closing(connection):
        while not stop.is_set():
            for uid in uids:
                asked = time.monotonic()
                try:
                    status, body = _get(connection, f"/recommend/{uid}")
                    answers.append(Answer(asked, time.monotonic() - asked, status, body))
                except (OSError, http.client.HTTPException, ValueError) as error:
                    connection.close()
                    answers.append(Answer(asked, time.monotonic() - asked, 0, None, repr(error)))


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, Any]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())
