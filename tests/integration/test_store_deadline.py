"""The reader's deadline is a moment on the clock for connecting, logging in and reading together, whatever the other side does."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from store_cases import export
from store_servers import Server, embedded_server, real_redis

from homefeed.core.errors import StoreUnavailableError
from homefeed.store import line
from homefeed.store.connection import connect
from homefeed.store.location import StoreLocation
from homefeed.store.redis_reader import RedisReader

DEADLINE = 0.05
SLACK = 0.5
"""Of a machine that is busy; the next tick of a server that trickles would come within it."""


@contextmanager
def somebody(talk: Callable[[socket.socket], None]) -> Iterator[StoreLocation]:
    """A server at a free port that accepts, and then does ``talk`` with each that comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=quietly, args=(connection,), daemon=True).start()

        def quietly(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                talk(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield StoreLocation("redis", 1, "127.0.0.1", listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def silent(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


def trickling(connection: socket.socket) -> None:
    """A fine answer, one byte each 20 ms."""
    connection.recv(1000)
    for byte in b"+OK\r\n" + b"+OK\r\n" + b"+QUEUED\r\n" * 3 + b"*3\r\n$2\r\nr1\r\n*0\r\n$-1\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def resetting(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_an_answer(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(b"+OK\r\n+OK\r\n+QUEUED\r\n")


@pytest.mark.parametrize("talk", [silent, trickling, resetting, half_an_answer])
def test_whatever_the_other_side_does_a_read_ends_at_the_deadline(talk: Callable[[socket.socket], None]) -> None:
    with somebody(talk) as place, connect(place, DEADLINE) as store:
        reader = store.reader()
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="does not answer"), ends_in_time():
                reader.read_list(1, 1)


def test_a_name_that_is_never_resolved_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line.socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    place, message = StoreLocation("redis", 1, "redis.internal", 6379), r"timed out looking up redis\.internal"
    with connect(place, DEADLINE) as store, pytest.raises(StoreUnavailableError, match=message), ends_in_time():
        store.reader().read_list(1, 1)


def test_a_name_that_does_not_exist_is_said() -> None:
    with connect(StoreLocation("redis", 1, "no-such-host.invalid", 6379), 5.0) as store, pytest.raises(StoreUnavailableError, match="no-such-host"):
        store.reader().read_list(1, 1)


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_a_stopped_server_costs_the_deadline_and_a_revived_one_nothing(kind: str, tmp_path: Path) -> None:
    make = embedded_server if kind == "embedded" else real_redis
    with make(tmp_path) as server, server.connect() as patient, server.connect(timeout_seconds=DEADLINE) as store:
        export(patient, 1, [1])
        reader = store.reader()
        assert reader.read_list(1, 1).release_id == "r1"
        process = server.admin().info("server")["process_id"]
        os.kill(process, signal.SIGSTOP)
        try:
            for _ in range(3):
                with pytest.raises(StoreUnavailableError, match="does not answer"), ends_in_time():
                    reader.read_list(1, 1)
        finally:
            os.kill(process, signal.SIGCONT)
        patient.releases()
        assert [reader.read_list(1, 1).release_id for _ in range(3)] == ["r1"] * 3


def test_connections_that_a_restarted_server_forgot_cost_no_read(server: Server) -> None:
    with server.connect() as store:
        export(store, 1, [1])
        reader = store.reader()
        read_at_once(reader, 8)
        server.admin().client_kill_filter(_type="normal", skipme=True)
        assert [reader.read_list(1, 1).release_id for _ in range(8)] == ["r1"] * 8


def test_an_answer_that_comes_too_late_never_answers_the_next_read(server: Server) -> None:
    with server.connect() as patient, server.connect(timeout_seconds=DEADLINE) as store:
        export(patient, 1, [1, 2])
        reader = store.reader()
        reader.read_list(1, 1)
        server.admin().client_pause(300)
        with pytest.raises(StoreUnavailableError):
            reader.read_list(1, 1)
        patient.releases()  # waits until the server goes on
        for user in (2, 1, 2):
            assert reader.read_list(user, 1).item_ids == [b"r1-u%d-0" % user]


def test_one_connection_serves_many_reads_and_its_greeting_is_login_and_database_alone(server: Server) -> None:
    """CLIENT SETINFO, HELLO and the like would each be a trip within the deadline."""
    with server.connect() as store, server.admin() as admin:
        export(store, 1, [1])
        admin.config_resetstat()
        reader = store.reader()
        for _ in range(5):
            reader.read_list(1, 1)
        calls = {name.removeprefix("cmdstat_"): facts["calls"] for name, facts in admin.info("commandstats").items()}
    ours = {name: number for name, number in calls.items() if not name.startswith(("client", "config", "info", "hello"))}
    assert ours == {"select": 1, "multi": 5, "get": 10, "zrevrange": 5, "exec": 5}
    assert calls.get("client|setinfo", 0) <= 2  # the admin's own


@contextmanager
def ends_in_time() -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        assert time.monotonic() - started < DEADLINE + SLACK


def read_at_once(reader: RedisReader, threads: int) -> None:
    """So that the reader holds several connections."""
    together = threading.Barrier(threads)

    def read() -> None:
        together.wait()
        for _ in range(20):
            reader.read_list(1, 1)

    running = [threading.Thread(target=read) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def test_threads_share_a_reader_without_mixing_their_answers(server: Server) -> None:
    with server.connect() as store:
        export(store, 1, range(1, 9))
        reader, wrong = store.reader(), list[tuple[int, bytes]]()

        def read(user: int) -> None:
            for _ in range(100):
                if (got := reader.read_list(user, 1).item_ids[0]) != b"r1-u%d-0" % user:
                    wrong.append((user, got))

        threads = [threading.Thread(target=read, args=(user,)) for user in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
