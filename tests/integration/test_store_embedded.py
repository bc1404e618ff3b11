"""The embedded Valkey's life: shared, kept, private, and never an orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from store_cases import HOT, SHOP, a_release, export, lists_of, roll_back

import homefeed
from homefeed.core.errors import StoreError
from homefeed.store.connection import Store, connect
from homefeed.store.embedded import EmbeddedServer, open_embedded
from homefeed.store.embedded_keeper import answers
from homefeed.store.location import StoreLocation

_USER = """
import sys, time
from pathlib import Path
from homefeed.store.embedded import open_embedded
server = open_embedded(Path(sys.argv[1]))
print(server.socket, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a folder with 'quotes' and blanks" / "store"
    yield folder
    if folder.exists():
        _wait_until(lambda: not _keepers(folder))


def test_data_survives_the_last_user(folder: Path) -> None:
    with _store(folder) as store:
        export(store, 1, [1])
    with _store(folder) as store:
        assert store.reader().read_list(1, 1).item_ids == [b"r1-u1-0"]


def test_two_users_share_one_server_and_it_outlives_the_first(folder: Path) -> None:
    first, second = open_embedded(folder), open_embedded(folder)
    process = _process(first)
    first.close()
    time.sleep(0.3)
    assert _process(second) == process
    second.close()


def test_users_in_other_processes_share_it_while_one_exports(folder: Path) -> None:
    with _store(folder) as api, _other_user(folder) as other:
        _wait_for_it(other)
        export(api, 1, [1])
        other.kill()
        other.wait()
        time.sleep(0.3)
        assert api.reader().read_list(1, 1).release_id == "r1"


def test_many_that_start_at_once_get_one_server(folder: Path) -> None:
    users = [_other_user(folder) for _ in range(4)]
    for user in users:
        _wait_for_it(user)
    keepers = _keepers(folder)
    for user in users:
        user.kill()
        user.__exit__(None, None, None)
    assert len(keepers) == 1


def test_it_ends_when_its_only_user_is_killed(folder: Path) -> None:
    with _other_user(folder) as user:
        _wait_for_it(user)
        assert _answers(folder)
        user.send_signal(signal.SIGKILL)
    _wait_until(lambda: not _keepers(folder) and not _answers(folder))


def test_a_killed_server_is_started_again_with_what_was_published(folder: Path) -> None:
    with _store(folder) as store:
        export(store, 1, [1])
        for _ in range(3):
            killed = _process(store.embedded)
            os.kill(killed, signal.SIGKILL)
            _wait_until(lambda: _answers(folder))
            time.sleep(0.3)
            assert _process(store.embedded) != killed
            assert len(_keepers(folder)) == 1
            assert store.reader().read_list(1, 1).release_id == "r1"


def test_a_server_whose_keeper_is_killed_ends_and_the_next_user_starts_it_with_its_data(folder: Path) -> None:
    with _store(folder) as store:
        export(store, 1, [1])
        export(store, 2, [1])
        assert roll_back(store).id == "r1"
        process = _process(store.embedded)
        for keeper in _keepers(folder):
            os.kill(keeper, signal.SIGKILL)
            _wait_until(lambda gone=keeper: _has_ended(gone))  # type: ignore[misc]
        with _store(folder) as after:
            assert _process(after.embedded) != process
            assert after.reader().read_list(1, 1).release_id == "r1"
            assert store.reader().read_list(1, 1).release_id == "r1"


def test_a_user_whose_keeper_and_server_were_killed_revives_both_and_reads_on(folder: Path) -> None:
    with _store(folder) as store:
        export(store, 1, [1])
        reader = store.reader()
        process = _process(store.embedded)
        for victim in (*_keepers(folder), process):
            os.kill(victim, signal.SIGKILL)
        _wait_until(lambda: not _keepers(folder))
        store.revive()
        assert reader.read_list(1, 1).release_id == "r1"


def test_a_server_that_runs_is_not_started_again(folder: Path) -> None:
    with _store(folder) as store:
        process = _process(store.embedded)
        store.revive()
        assert _process(store.embedded) == process


def test_an_interrupt_of_the_terminal_does_not_reach_it(folder: Path) -> None:
    with _store(folder):
        for keeper in _keepers(folder):
            os.kill(keeper, signal.SIGINT)
            assert os.getsid(keeper) != os.getsid(0)
        assert _answers(folder)


def test_only_the_owner_may_reach_it_and_its_data(folder: Path) -> None:
    with _store(folder) as store:
        export(store, 1, [1])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "valkey.sock").stat().st_mode & 0o077 == 0
        assert (folder / "dump.rdb").stat().st_mode & 0o077 == 0


def test_it_listens_on_no_port(folder: Path) -> None:
    with _store(folder) as store:
        assert redis.Redis(unix_socket_path=store.address.path).config_get("port") == {"port": "0"}


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "store"
    with _store(folder) as store:
        export(store, 1, [1])
        assert store.reader().read_list(1, 1).release_id == "r1"
        os.kill(_process(store.embedded), signal.SIGKILL)
        _wait_until(lambda: _reads(store))
    _wait_until(lambda: not _keepers(folder))


def test_a_data_file_that_cannot_be_read_is_a_clear_error(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "dump.rdb").write_bytes(b"REDIS0009 this is no dump")
    with pytest.raises(StoreError, match=r"does not start.*valkey\.log"):
        open_embedded(folder)


def test_a_half_written_release_does_not_outlive_its_writer(folder: Path) -> None:
    with _store(folder) as store:
        export(store, 1, [1])
        with closing(store.writer(SHOP)) as writer:
            writer.stage(a_release(2), lists_of(2, [1]), HOT)
    with _store(folder) as store:
        assert store.reader().read_list(1, 1).release_id == "r1"
        export(store, 3, [1])
        assert store.reader().read_list(1, 1).release_id == "r3"


def _store(folder: Path) -> Store:
    return connect(StoreLocation("embedded", 1, folder=folder), 5.0)


def _process(server: EmbeddedServer | None) -> int:
    assert server is not None
    return int(redis.Redis(unix_socket_path=server.socket, socket_timeout=5).info("server")["process_id"])


def _reads(store: Store) -> bool:
    try:
        return store.reader().read_release() is not None
    except StoreError:
        return False


def _answers(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return answers(f"/proc/self/fd/{descriptor}/valkey.sock")
    finally:
        os.close(descriptor)


def _other_user(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(homefeed.__file__).parents[1])}
    return subprocess.Popen([sys.executable, "-c", _USER, str(folder)], stdout=subprocess.PIPE, text=True, env=environment)


def _wait_for_it(user: subprocess.Popen[str]) -> None:
    assert user.stdout is not None
    assert user.stdout.readline().endswith("valkey.sock\n")


def _keepers(folder: Path) -> list[int]:
    """Processes that run our keeper for ``folder``."""
    listing = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listing.splitlines() if "embedded_keeper" in line and f" {folder} " in line]


def _has_ended(process: int) -> bool:
    """One that is killed loses its arguments first, its locks later, and only then its child is told: a listing by arguments is too early."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False).stdout.strip()
    return not state or state.startswith("Z")


def _wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(300):
        if condition():
            return
        time.sleep(0.03)
    raise AssertionError("it did not come true within ten seconds")
