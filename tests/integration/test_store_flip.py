"""A reader never meets half an export: staging, flipping, rolling back, and being killed in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from store_cases import HOT, SHOP, a_release, export, let_time_pass, lists_of, roles, roll_back
from store_servers import Server

import homefeed
from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.core.release import Previous
from homefeed.store.base import ListRead, UserList
from homefeed.store.connection import Releases, Store


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    with server.connect() as store:
        yield store


def test_an_empty_store_has_no_release_and_no_lists(store: Store) -> None:
    assert store.reader().read_release() is None
    assert store.reader().read_list(1, 100) == ListRead(None, [], b"")


def test_a_published_list_is_read_in_order_with_its_sources_and_its_release(store: Store) -> None:
    export(store, 1, [1, 17])

    read = store.reader().read_list(17, 100)

    assert read.release_id == "r1"
    assert read.item_ids == [b"r1-u17-%d" % place for place in range(100)]
    assert read.sources == b"0" * 99 + b"1"
    assert store.reader().read_list(17, 3) == ListRead("r1", [b"r1-u17-0", b"r1-u17-1", b"r1-u17-2"], b"000")
    assert store.reader().read_release() == a_release(1)
    assert store.reader().read_list(2, 100) == ListRead("r1", [], b"")


def test_the_keys_are_the_contracts(store: Store, server: Server) -> None:
    export(store, 1, [17])
    client = server.admin(1)

    assert client.zrevrange("recall:17", 0, 1, withscores=True) == [(b"r1-u17-0", 100.0), (b"r1-u17-1", 99.0)]
    assert client.zrevrange("global_hot", 0, -1, withscores=True) == [(b"hot-1", 0.75), (b"hot-2", 0.5)]
    assert client.object("encoding", "recall:17") in (b"listpack", b"ziplist")


def test_any_utf8_item_id_is_read_back(store: Store) -> None:
    ids = ["18292817638588633000", "007", "a b", "čaj ☕", "NA"]
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(1), [UserList(1, ids, b"00000")], [])
        writer.publish()

    assert [item_id.decode() for item_id in store.reader().read_list(1, 100).item_ids] == ids


def test_users_who_left_are_gone(store: Store, server: Server) -> None:
    export(store, 1, [1, 2, 3])
    export(store, 2, [2])
    export(store, 3, [3])

    assert store.reader().read_list(1, 100).item_ids == []
    assert store.reader().read_list(2, 100).item_ids == []
    assert sorted(server.admin(1).keys("recall:*")) == [b"recall:3"]


def test_staging_changes_nothing_that_is_read(store: Store) -> None:
    export(store, 1, [1])
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(2), lists_of(2, [1]), HOT)

        assert store.reader().read_list(1, 1) == ListRead("r1", [b"r1-u1-0"], b"0")


def test_readers_meet_whole_releases_only_while_ten_are_published(store: Store) -> None:
    users = range(1, 101)
    export(store, 0, users)
    seen: list[ListRead] = []
    done = threading.Event()

    def read(reader_number: int) -> None:
        reader, user = store.reader(), reader_number
        while not done.is_set():
            user = user % len(users) + 1
            seen.append(reader.read_list(user, 100))

    readers = [threading.Thread(target=read, args=(number,)) for number in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 11):
        export(store, number, users)
        _wait_until_read(seen, f"r{number}")
    done.set()
    for reader in readers:
        reader.join()

    assert {one.release_id for one in seen} == {f"r{number}" for number in range(11)}
    for one in seen:
        assert len(one.item_ids) == 100
        assert {item_id.split(b"-")[0].decode() for item_id in one.item_ids} == {one.release_id}


def test_rollback_brings_the_release_before_back_and_forth(store: Store) -> None:
    export(store, 1, [1])
    export(store, 2, [1, 2])

    assert roll_back(store).id == "r1"
    assert store.reader().read_list(1, 1).item_ids == [b"r1-u1-0"]
    assert store.reader().read_list(2, 1) == ListRead("r1", [], b"")
    assert roll_back(store).id == "r2"
    assert store.reader().read_list(2, 1).item_ids == [b"r2-u2-0"]


def test_the_live_record_says_which_release_lay_before_and_where_its_lists_are_now(store: Store) -> None:
    reader = store.reader()
    for number in (1, 2, 3):
        export(store, number, [number])
    for expected in (2, 3, 2):
        live = reader.read_release()
        assert live is not None
        assert live.previous is not None
        assert live.previous.id == f"r{expected}"
        there = reader.read_list(expected, 100, db=live.previous.db)
        assert there == ListRead(f"r{expected}", [b"r%d-u%d-%d" % (expected, expected, place) for place in range(100)], b"0" * 99 + b"1")
        assert reader.read_list(expected, 100).item_ids == []
        assert roll_back(store) == reader.read_release()


def test_nothing_lies_before_a_first_release(store: Store) -> None:
    export(store, 1, [1])
    assert store.reader().read_release() == a_release(1)


def test_a_read_of_another_database_that_fails_leaves_the_next_read_where_it_belongs(store: Store, server: Server) -> None:
    export(store, 1, [1])
    server.admin(0).set("recall:1", "not a list")
    reader = store.reader()
    assert reader.read_list(1, 1, db=0) == ListRead(None, [], b"")
    with pytest.raises(StoreUnavailableError):
        reader.read_list(1, 1, db=99)
    assert reader.read_list(1, 1) == ListRead("r1", [b"r1-u1-0"], b"0")


def test_rollback_after_the_target_was_flushed_brings_the_release_before_back(store: Store, server: Server) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    server.admin(1).flushdb()

    assert roll_back(store) == a_release(1)  # after a flush nothing lies before it
    export(store, 3, [1])
    assert store.reader().read_list(1, 1).release_id == "r3"


def test_rollback_without_an_earlier_release_says_so(store: Store) -> None:
    export(store, 1, [1])
    with pytest.raises(StoreError, match="no earlier release"):
        roll_back(store)


def test_a_half_staged_release_is_never_rolled_back_to(store: Store) -> None:
    export(store, 1, [1])
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(2), lists_of(2, [1]), HOT)
    with pytest.raises(StoreError, match="no earlier release"):
        roll_back(store)


def test_the_store_tells_the_live_release_and_the_one_before(store: Store) -> None:
    assert (store.releases().live, store.releases().previous) == (None, None)
    export(store, 1, [1])
    export(store, 2, [1])
    assert store.releases() == Releases(replace(a_release(2), previous=Previous("r1", 0)), a_release(1))


def test_an_export_killed_while_staging_changes_nothing_and_the_next_one_is_whole(store: Store, server: Server) -> None:
    export(store, 1, range(1, 501))
    export(store, 2, range(1, 501))
    _stage_half_of_release_3_and_be_killed(server)

    assert store.reader().read_list(7, 1) == ListRead("r2", [b"r2-u7-0"], b"0")
    let_time_pass(server)
    export(store, 4, [7])
    assert store.reader().read_list(7, 1).item_ids == [b"r4-u7-0"]
    assert server.admin(1).keys("recall:*") == [b"recall:7"]
    assert roles(server) == {1: "live", 2: "spare"}


def test_a_release_of_which_keys_went_missing_is_not_published(store: Store, server: Server) -> None:
    export(store, 1, [1])
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(2), lists_of(2, [1, 2, 3]), HOT)
        server.admin(0).delete("recall:2")
        with pytest.raises(StoreError, match="holds 9 keys where 10 were written"):
            writer.publish()

    assert store.reader().read_list(1, 1).release_id == "r1"


def test_progress_counts_every_user(store: Store) -> None:
    counted: list[int] = []
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(1), lists_of(1, range(1, 451), length=3), HOT, counted.append)

    assert sum(counted) == 450
    assert len(counted) > 1


def _wait_until_read(seen: list[ListRead], release_id: str) -> None:
    for _ in range(10_000):
        if seen and seen[-1].release_id == release_id:
            return
        time.sleep(0.001)
    raise AssertionError(f"no reader met {release_id}")


def _stage_half_of_release_3_and_be_killed(server: Server) -> None:
    script = Path(__file__).parents[1] / "store_killed_export.py"
    environment = os.environ | {"PYTHONPATH": str(Path(homefeed.__file__).parents[1])}
    place = server.place
    address = json.dumps([place.kind, place.host, place.port, str(place.folder)])
    process = subprocess.Popen([sys.executable, str(script), address], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
