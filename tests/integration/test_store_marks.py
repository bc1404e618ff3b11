"""Which databases an export may fill, in which order, and what it leaves: nothing that we did not write is ever touched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from store_cases import HOT, OTHER_SHOP, SHOP, a_release, everything_in, export, let_time_pass, lists_of, roles, roll_back
from store_servers import Server, real_redis

import homefeed
from homefeed.core.errors import StoreError
from homefeed.store import redis_writer
from homefeed.store.address import Address
from homefeed.store.connection import Store
from homefeed.store.hold import Hold, hold
from homefeed.store.wire import Wire


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    with server.connect() as store:
        yield store


def test_every_database_in_use_says_whose_it_is_and_what_for(store: Store, server: Server) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(3), lists_of(3, [1]), HOT)
        marks = {db: json.loads(server.admin(db).get("homefeed:mark")) for db in (0, 1, 2)}
        token = json.loads(server.admin(1).get("homefeed:lock"))["token"]
        heartbeat = server.admin(2).get("homefeed:heartbeat")
        assert 0 < server.admin(2).pttl("homefeed:heartbeat") <= 15_000
    assert {db: (mark["lineage"], mark["target"], mark["role"]) for db, mark in marks.items()} == {
        0: (SHOP, 1, "spare"), 1: (SHOP, 1, "live"), 2: (SHOP, 1, "staging"),
    }  # fmt: skip
    assert marks[2]["owner"] == token == heartbeat.decode()
    assert all(mark["owner"] for mark in marks.values())


def test_a_dead_exports_database_is_filled_before_an_empty_one_and_that_before_the_one_a_rollback_needs(store: Store, server: Server) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    leave_staging(server, 7)
    assert filled_by(store, server, 3) == 7
    assert roles(server) == {0: "spare", 1: "live"}
    assert filled_by(store, server, 3) == 2
    for db in range(2, 16):
        server.admin(db).set("theirs", db)
    assert filled_by(store, server, 3) == 0


def test_a_database_whose_writer_lives_is_not_taken(store: Store, server: Server) -> None:
    leave_staging(server, 0)
    server.admin(0).set("homefeed:heartbeat", "somebody", px=10_000)
    export(store, 1, [1])
    assert server.admin(0).get("recall:5") == b"half"
    server.admin(0).delete("homefeed:heartbeat")
    export(store, 2, [1])
    assert server.admin(0).exists("recall:5") == 0


def test_after_an_export_one_spare_is_kept_and_what_older_ones_left_is_empty(store: Store, server: Server) -> None:
    for number in range(1, 7):
        export(store, number, [number])
    leave_staging(server, 9)
    leave_staging(server, 10, lineage=OTHER_SHOP)
    leave_staging(server, 11, target=5)
    export(store, 7, [7])
    used = {int(name.removeprefix("db")) for name in server.admin().info("keyspace")}
    assert used == {1, 9, 10, 11}
    assert roles(server) == {1: "live", 9: "spare", 10: "staging", 11: "staging"}
    assert roll_back(store).id == "r6"


def test_another_shops_databases_are_byte_for_byte_as_they_were(server: Server) -> None:
    with server.connect(1) as ours, server.connect(5) as theirs:
        for number in (1, 2):
            export(theirs, number, range(1, 50), OTHER_SHOP)
        leave_staging(server, 9, target=5, lineage=OTHER_SHOP)
        before = {db: everything_in(server, db) for db in range(16)}
        for number in (3, 4, 5):
            export(ours, number, range(1, 50))
        roll_back(ours)
        assert {db: everything_in(server, db) for db in before if before[db]} == {db: keys for db, keys in before.items() if keys}


def test_two_shops_that_start_at_once_never_fill_one_database(server: Server) -> None:
    shops = {1: SHOP, 5: OTHER_SHOP, 9: "c7c7c7"}
    failures: list[StoreError] = []
    all_hold_their_target = threading.Barrier(len(shops), timeout=30)  # a target that nobody has begun to use is as good a spare as any

    def nights(target: int) -> None:
        try:
            with server.connect(target) as store:
                for number in range(1, 6):
                    with closing(store.writer(shops[target])) as writer:
                        writer.begin()
                        if number == 1:
                            all_hold_their_target.wait()
                        writer.stage(a_release(10 * target + number, shops[target]), lists_of(10 * target + number, range(1, 100)), HOT)
                        writer.publish()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=nights, args=(target,)) for target in shops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for target in shops:
        with server.connect(target) as store:
            assert store.reader().read_list(99, 1).item_ids == [b"r%d-u99-0" % (10 * target + 5)]
    assert sorted(roles(server).values()) == ["live"] * 3 + ["spare"] * 3


def test_a_target_that_its_shop_takes_in_the_moment_of_a_claim_is_left_to_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Wire.packed_transaction
    with server.connect(1) as ours, server.connect(0) as theirs, closing(ours.writer(SHOP)) as writer, closing(theirs.writer(OTHER_SHOP)) as other:
        writer.begin()

        def too_late(wire: Wire, packed: bytes, commands: int) -> bool:
            monkeypatch.undo()
            other.begin()
            return whole(wire, packed, commands)

        monkeypatch.setattr(Wire, "packed_transaction", too_late)
        writer.stage(a_release(1), lists_of(1, [1]), HOT)
        assert roles(server) == {2: "staging"}
        other.stage(a_release(2, OTHER_SHOP), lists_of(2, [1]), HOT)
        other.publish()
        writer.publish()
        assert [store.reader().read_list(1, 1).release_id for store in (ours, theirs)] == ["r1", "r2"]


def test_a_target_that_another_shop_begins_to_fill_in_the_moment_of_the_lock_is_given_up_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.connect(1) as ours, server.connect(0) as theirs, closing(ours.writer(SHOP)) as writer, closing(theirs.writer(OTHER_SHOP)) as other:
        writer.begin()

        def too_late(address: Address, now: datetime) -> Hold:
            writer.stage(a_release(1), lists_of(1, [1]), HOT)
            return hold(address, now)

        monkeypatch.setattr(redis_writer, "hold", too_late)
        with pytest.raises(StoreError, match=r"Database 0 .* where the releases of database 1 are prepared"):
            other.begin()
        other.close()
        writer.publish()
        assert ours.reader().read_list(1, 1).release_id == "r1"
        assert server.admin(0).dbsize() == 0


def test_a_spare_that_others_began_to_use_is_not_rolled_back_to(store: Store, server: Server) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    server.admin(0).set("theirs", 1)
    with pytest.raises(StoreError, match="no earlier release"):
        roll_back(store)
    assert server.admin(0).get("theirs") == b"1"


def test_marks_of_version_1_0_are_understood(store: Store, server: Server) -> None:
    """They name no owner; its live records name no release before."""
    for db, role, number in ((1, "live", 2), (0, "spare", 1), (3, "staging", 3)):
        client = server.admin(db)
        mark = {"lineage": SHOP, "target": 1, "role": role, "release": f"r{number}" if role == "staging" else ""}
        client.set("homefeed:mark", json.dumps(mark, sort_keys=True))
        client.zadd("recall:1", {f"r{number}-u1-0": 1})
        if role != "staging":
            record = {key: value for key, value in json.loads(a_release(number).to_json()).items() if key != "previous"}
            client.mset({"homefeed:release": json.dumps(record), "homefeed:release:id": f"r{number}"})
    releases = store.releases()
    assert (releases.live, releases.previous) == (a_release(2), a_release(1))
    assert roll_back(store).id == "r1"
    assert roll_back(store).id == "r2"
    export(store, 4, [1])
    assert roles(server) == {1: "live", 3: "spare"}
    assert store.reader().read_list(1, 1).item_ids == [b"r4-u1-0"]
    assert roll_back(store).id == "r2"


def test_a_server_of_one_database_says_what_is_missing(tmp_path: Path) -> None:
    with real_redis(tmp_path, "--databases", "1") as server, server.connect(0) as only, server.connect(1) as default:
        with pytest.raises(StoreError, match=r"no free database.*raise `databases`"):
            export(only, 1, [1])
        with pytest.raises(StoreError, match="out of range"):
            export(default, 1, [1])
        assert server.admin().dbsize() == 0


def test_no_command_that_empties_a_database_whole_is_ever_sent(tmp_path: Path) -> None:
    with real_redis(tmp_path) as server, server.connect() as store, monitored(server) as commands:
        export(store, 1, range(1, 300))
        export(store, 2, range(1, 300))
        leave_staging(server, 7)
        export(store, 3, range(1, 300))
        roll_back(store)
        with pytest.raises(ZeroDivisionError), closing(store.writer(SHOP)) as writer:
            writer.stage(a_release(4), (1 / 0 for _ in "x"), HOT)  # type: ignore[arg-type]
    sent = {command.split()[0].upper() for command in commands}
    assert {"SWAPDB", "UNLINK", "SCAN", "ZADD"} <= sent
    assert sent.isdisjoint({"FLUSHDB", "FLUSHALL", "DEL", "KEYS", "RENAME", "MOVE", "SCRIPT", "EVAL", "CONFIG SET"})


def test_no_command_that_empties_a_database_whole_is_in_the_source() -> None:
    package = Path(homefeed.__file__).parent
    assert [path for path in package.rglob("*.py") if "flushdb" in (text := path.read_text().lower()) or "flushall" in text] == []


def leave_staging(server: Server, db: int, target: int = 1, lineage: str = SHOP) -> None:
    """As an export leaves it that was killed more than 15 seconds ago."""
    mark = {"lineage": lineage, "target": target, "role": "staging", "release": "r0", "owner": "dead"}
    server.admin(db).mset({"homefeed:mark": json.dumps(mark), "recall:5": "half"})


def filled_by(store: Store, server: Server, number: int) -> int:
    """The database that an export fills, which is then given up."""
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(number), lists_of(number, [1]), HOT)
        found = next(db for db, role in roles(server).items() if role == "staging" and server.admin(db).exists("homefeed:heartbeat"))
    let_time_pass(server)
    return found


@contextmanager
def monitored(server: Server) -> Iterator[list[str]]:
    """What the server is sent by all its clients."""
    commands: list[str] = []
    with server.admin().monitor() as monitor:

        def listen() -> None:
            for told in monitor.listen():
                if told["command"] == "ECHO the end":
                    return
                commands.append(told["command"])

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield commands
        server.admin().echo("the end")
        thread.join(10)
