"""One writer a target at a time: it is named to the next, and gone by itself when it dies."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from store_cases import HOT, OTHER_SHOP, SHOP, a_release, everything_in, export, let_time_pass, lists_of, roles, roll_back
from store_servers import Server

import homefeed
from homefeed.core.errors import StoreError
from homefeed.store import hold
from homefeed.store.base import ListRead, UserList
from homefeed.store.connection import Store

LOCK_SECONDS = 15


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    with server.connect() as store:
        yield store


def test_a_second_export_and_a_rollback_are_refused_with_the_holders_name(store: Store) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    with closing(store.writer(SHOP)) as first:
        first.begin()
        for second in (lambda: export(store, 3, [1]), lambda: roll_back(store)):
            with pytest.raises(
                StoreError, match=rf"Another export or rollback.*process {os.getpid()} on {socket.gethostname()}, since 20.*runs out within 12 s"
            ):
                second()
        first.stage(a_release(4), lists_of(4, [1]), HOT)
        with pytest.raises(StoreError, match="Another export"):
            export(store, 3, [1])
        first.publish()
        with pytest.raises(StoreError, match="Another export"):  # the lock came through the swap
            export(store, 3, [1])
    export(store, 5, [1])
    assert store.reader().read_list(1, 1).release_id == "r5"


def test_an_export_of_another_target_is_not_kept_waiting(server: Server) -> None:
    with server.connect(1) as ours, server.connect(5) as theirs, closing(ours.writer(SHOP)) as first:
        first.begin()
        first.stage(a_release(1), lists_of(1, [1]), HOT)
        export(theirs, 2, [1], OTHER_SHOP)
        first.publish()
        assert (ours.reader().read_list(1, 1).release_id, theirs.reader().read_list(1, 1).release_id) == ("r1", "r2")


def test_nothing_of_lock_and_heartbeat_stays_after_an_export(store: Store, server: Server) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    assert [key for db in range(16) for key in server.admin(db).keys("homefeed:*") if key in (b"homefeed:lock", b"homefeed:heartbeat")] == []


def test_a_first_export_that_is_refused_or_fails_leaves_the_server_empty(store: Store, server: Server) -> None:
    with pytest.raises(ZeroDivisionError), closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(1), lists_that_fail(), HOT)
    assert server.admin().info("keyspace") == {}


def test_an_export_that_fails_leaves_what_is_served_and_what_a_rollback_needs(store: Store, server: Server) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    with pytest.raises(ZeroDivisionError), closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(3), lists_that_fail(), HOT)
    assert roles(server) == {0: "spare", 1: "live"}
    assert roll_back(store).id == "r1"


def test_a_killed_exports_lock_and_heartbeat_run_out_and_the_next_export_is_whole(store: Store, server: Server) -> None:
    export(store, 1, [7])
    with killed_export(server):
        pass
    for db, key in ((1, "homefeed:lock"), (0, "homefeed:heartbeat")):
        assert 0 < server.admin(db).pttl(key) <= LOCK_SECONDS * 1000
    let_time_pass(server)
    export(store, 4, [7])
    assert store.reader().read_list(7, 1).release_id == "r4"


@pytest.mark.long
def test_a_killed_export_keeps_nobody_out_for_longer_than_15_seconds(store: Store, server: Server) -> None:
    export(store, 1, [7])
    with killed_export(server):
        killed = time.monotonic()
    with pytest.raises(StoreError, match="Another export"):
        export(store, 4, [7])
    while time.monotonic() < killed + LOCK_SECONDS:
        time.sleep(0.1)
    export(store, 4, [7])
    assert store.reader().read_list(7, 1).release_id == "r4"


@pytest.mark.long
def test_a_lock_is_renewed_for_as_long_as_its_holder_lives_though_it_keeps_the_interpreter_for_ten_seconds(store: Store, server: Server) -> None:
    with closing(store.writer(SHOP)) as writer:
        writer.begin()
        time.sleep(LOCK_SECONDS)
        ctypes.PyDLL(None).usleep(9_500_000)  # as a long sort in C would: no other thread runs
        writer.stage(a_release(1), lists_of(1, [1]), HOT)
        writer.publish()
    assert store.reader().read_list(1, 1).release_id == "r1"


def test_a_lock_is_renewed_on_a_connection_of_its_own(store: Store, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "_RENEW_SECONDS", 0.05)
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(1), lists_of(1, [1]), HOT)
        for db, key in ((1, "homefeed:lock"), (0, "homefeed:heartbeat")):
            server.admin(db).pexpire(key, 1000)
            time.sleep(0.3)
            assert server.admin(db).pttl(key) > 5000
        server.admin().client_kill_filter(_type="normal", skipme=True)
        server.admin(1).pexpire("homefeed:lock", 1000)
        time.sleep(0.3)
        assert server.admin(1).pttl("homefeed:lock") > 5000
        writer.publish()
    assert store.reader().read_list(1, 1).release_id == "r1"


@pytest.mark.parametrize("moment", ["while it writes", "before it publishes"])
def test_a_holder_that_lost_its_lock_publishes_nothing_and_is_told_who_has_it(store: Store, server: Server, moment: str) -> None:
    export(store, 1, [1])
    with closing(store.writer(SHOP)) as sleeper:

        def lists() -> Iterator[UserList]:
            yield from lists_of(2, range(1, 400))
            if moment == "while it writes":
                let_time_pass(server)
                export(store, 3, [1, 2])
            yield from lists_of(2, range(400, 900))

        def whole() -> None:
            sleeper.stage(a_release(2), lists(), HOT)
            let_time_pass(server)
            export(store, 3, [1, 2])
            sleeper.publish()

        with pytest.raises(StoreError, match=r"(lock of database 1 .* is lost|taken over).*What is served is as it was"):
            whole()

    assert store.reader().read_list(1, 1) == ListRead("r3", [b"r3-u1-0"], b"0")
    assert store.reader().read_list(399, 1) == ListRead("r3", [], b"")
    assert set(roles(server).values()) == {"live", "spare"}


def test_a_lock_that_is_gone_ends_the_export_though_nobody_else_wrote(store: Store, server: Server) -> None:
    export(store, 1, [1])
    before = everything_in(server, 1)
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(2), lists_of(2, [1]), HOT)
        server.admin(1).delete("homefeed:lock")
        with pytest.raises(StoreError, match="stood still for 12 s, or somebody emptied"):
            writer.publish()
    assert everything_in(server, 1) == before


def test_two_exports_at_once_end_with_one_whole_release_and_one_refusal(server: Server) -> None:
    with server.connect() as store:
        export(store, 1, [7])
    address = json.dumps([server.place.kind, server.place.host, server.place.port, str(server.place.folder)])
    both = [
        subprocess.Popen([*export_command("store_export.py"), address, str(number), "1000"], stderr=subprocess.PIPE, text=True, env=environment())
        for number in (2, 3)
    ]
    ends = {process.communicate()[1]: process.returncode for process in both}
    assert sorted(ends.values()) == [0, 1], ends
    assert any(f"process {process.pid} on" in text for process in both for text in ends)
    with server.connect() as store:
        read = store.reader().read_list(7, 100)
        assert {item.split(b"-")[0].decode() for item in read.item_ids} == {read.release_id}


def lists_that_fail() -> Iterator[UserList]:
    yield from lists_of(1, range(1, 400))
    raise ZeroDivisionError


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(homefeed.__file__).parents[1])}


def export_command(script: str) -> list[str]:
    return [sys.executable, str(Path(__file__).parents[1] / script)]


@contextmanager
def killed_export(server: Server) -> Iterator[None]:
    """Ends once an export was killed that had written 400 lists of release 3."""
    address = json.dumps([server.place.kind, server.place.host, server.place.port, str(server.place.folder)])
    process = subprocess.Popen([*export_command("store_killed_export.py"), address], stdout=subprocess.PIPE, env=environment())
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    yield
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
