"""The embedded store after kills of its keeper, its server, its users, in every mixture: what was published is there, and nothing is left running."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_cases import everything_in, export, let_time_pass, roles
from store_kills import KILLED_AT, exporting, reach, whole_release
from store_servers import Server

from homefeed.core.errors import StoreError
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation

USERS = range(1, 301)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where nothing may run any more at the end."""
    yield tmp_path / "store"
    wait_until(lambda: not running_in(tmp_path / "store"))


@pytest.mark.parametrize("victims", [{"keeper"}, {"server"}, {"keeper", "server"}])
def test_a_store_whose_processes_are_killed_is_revived_for_the_same_client_with_what_was_published(folder: Path, victims: set[str]) -> None:
    with store_in(folder) as store:
        export(store, 1, USERS)
        reader = store.reader()
        for _ in range(2):
            killed = [process for process, kind in running_in(folder).items() if kind in victims]
            assert len(killed) == len(victims)
            for process in killed:
                os.kill(process, signal.SIGKILL)
            wait_until(lambda gone=killed: not set(gone) & set(running_in(folder)))  # type: ignore[misc]
            store.revive()
            wait_until(lambda: reads(store, "r1"))
            assert reader.read_list(7, 1).item_ids == [b"r1-u7-0"]
            assert sorted(running_in(folder).values()) == ["keeper", "server"]


@pytest.mark.long
def test_a_server_that_hangs_though_its_keeper_was_killed_is_replaced(folder: Path) -> None:
    with store_in(folder) as store:
        export(store, 1, USERS)
        kinds = {kind: process for process, kind in running_in(folder).items()}
        os.kill(kinds["server"], signal.SIGSTOP)
        os.kill(kinds["keeper"], signal.SIGKILL)
        store.revive()
        assert reads(store, "r1")
        assert kinds["server"] not in running_in(folder)


def test_what_was_published_before_a_kill_of_everything_is_there_after_the_restart(folder: Path) -> None:
    with store_in(folder) as store:
        export(store, 1, USERS)
    with exporting(embedded(folder), 2, len(USERS)) as user:
        reach(user, "published")
        for process in running_in(folder):
            os.kill(process, signal.SIGKILL)
        user.kill()
    wait_until(lambda: not running_in(folder))
    with store_in(folder) as store:
        assert whole_release(server_of(store), 2, len(USERS))
        let_time_pass(server_of(store))
        export(store, 3, USERS)
        assert whole_release(server_of(store), 3, len(USERS))


@pytest.mark.parametrize("stage", ["stage", "publish"])
def test_the_only_user_is_killed_during_an_export_and_leaves_no_process(folder: Path, stage: str) -> None:
    with store_in(folder) as store:
        export(store, 1, USERS)
    with exporting(embedded(folder), 2, len(USERS)) as user:
        reach(user, stage)
        user.kill()
    wait_until(lambda: not running_in(folder))
    with store_in(folder) as store:
        server = server_of(store)
        assert whole_release(server, 1, len(USERS)) or whole_release(server, 2, len(USERS))
        let_time_pass(server)
        export(store, 3, USERS)
        assert whole_release(server, 3, len(USERS))


def test_everything_is_killed_at_a_moment_of_an_export(folder: Path) -> None:
    kill_everything(folder, kills=1, users=300, chance=random.Random(3))


@pytest.mark.long
def test_everything_is_killed_at_many_moments_of_exports(folder: Path) -> None:
    lived = kill_everything(folder, kills=60, users=1000, chance=random.Random(5))
    print(f"60 times everything was killed: {lived} releases were live after the restart, {60 - lived} exports had changed nothing")  # noqa: T201


def kill_everything(folder: Path, kills: int, users: int, chance: random.Random) -> int:
    """How many of the killed exports had got so far as to be live after the restart."""
    lived = 0
    with store_in(folder) as store:
        export(store, 1, range(1, users + 1))
        before = everything_in(server_of(store), 1)
    for number in range(2, 2 + 2 * kills, 2):
        with exporting(embedded(folder), number, users) as user:
            stage = chance.choice(sorted(KILLED_AT))
            reach(user, stage)
            time.sleep(chance.uniform(0, KILLED_AT[stage]))
            for process in (*running_in(folder), user.pid):
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: not running_in(folder))
        with store_in(folder) as store:
            server = server_of(store)
            if everything_in(server, 1) != before:
                assert whole_release(server, number, users)
                lived += 1
            let_time_pass(server)
            export(store, number + 1, range(1, users + 1))
            assert whole_release(server, number + 1, users)
            assert sorted(roles(server).values()) == ["live", "spare"]
            before = everything_in(server, 1)
    return lived


def store_in(folder: Path) -> Store:
    return connect(StoreLocation("embedded", 1, folder=folder), 5.0)


def embedded(folder: Path) -> Server:
    return Server(StoreLocation("embedded", 1, folder=folder))


def server_of(store: Store) -> Server:
    return Server(store.location, store.address.path)


def reads(store: Store, release: str) -> bool:
    try:
        live = store.reader().read_release()
    except StoreError:
        return False
    return live is not None and live.id == release


def running_in(folder: Path) -> dict[int, str]:
    """Every living process whose working directory is the store's folder, and what it is: a keeper, a server, or a server's child that saves."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "cwd").readlink() == folder.resolve() and "\nState:\tZ" not in (place / "status").read_text():
                found[int(place.name)] = "keeper" if b"embedded_keeper" in (place / "cmdline").read_bytes() else "server"
        except OSError:
            continue  # it ended while we looked
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come true within 30 seconds")


@pytest.fixture(autouse=True)
def linux() -> None:
    if not Path("/proc/self/cwd").exists():
        pytest.skip("looks for processes in /proc")
