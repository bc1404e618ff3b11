"""What an export must not touch: others' keys, another shop's databases, and servers that cannot swap."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from store_cases import HOT, OTHER_SHOP, SHOP, a_release, export, lists_of, roll_back
from store_servers import Server, embedded_server, real_redis

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.store.base import ListRead
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    with server.connect() as store:
        yield store


def test_foreign_keys_in_the_target_are_refused_and_stay(store: Store, server: Server) -> None:
    server.admin(1).mset({"session:9": "x", "recall:abc": "y"})

    with pytest.raises(StoreError, match=r"recall:abc.*--db"):
        export(store, 1, [1])

    assert sorted(server.admin(1).keys()) == [b"recall:abc", b"session:9"]


def test_foreign_keys_that_arrive_while_staging_are_refused_at_the_flip(store: Store, server: Server) -> None:
    export(store, 1, [1])
    with closing(store.writer(SHOP)) as writer:
        writer.stage(a_release(2), lists_of(2, [1]), HOT)
        server.admin(1).set("cart:5", "shoes")
        with pytest.raises(StoreError, match="cart:5"):
            writer.publish()

    assert store.reader().read_list(1, 1).release_id == "r1"


def test_databases_with_others_keys_are_left_alone(store: Store, server: Server) -> None:
    for db in (0, 2, 3):
        server.admin(db).set("theirs", db)
    export(store, 1, [1])
    export(store, 2, [1])

    assert [server.admin(db).keys() for db in (0, 2, 3)] == [[b"theirs"]] * 3
    assert store.reader().read_list(1, 1).release_id == "r2"


def test_a_spare_that_others_began_to_use_is_left_alone(store: Store, server: Server) -> None:
    export(store, 1, [1])
    export(store, 2, [1])
    server.admin(0).set("theirs", 1)
    export(store, 3, [1])

    assert server.admin(0).get("theirs") == b"1"
    assert server.admin(0).get("homefeed:release:id") == b"r1"
    assert store.reader().read_list(1, 1).release_id == "r3"


def test_no_free_database_is_a_clear_error(store: Store, server: Server) -> None:
    for db in range(16):
        if db != 1:
            server.admin(db).set("theirs", db)
    with pytest.raises(StoreError, match="no free database"):
        export(store, 1, [1])
    assert server.admin(1).dbsize() == 0


def test_a_target_beyond_the_servers_databases_is_a_clear_error(server: Server) -> None:
    with server.connect(99) as store, pytest.raises(StoreError, match="out of range"):
        export(store, 1, [1])


def test_lists_of_the_system_before_are_refused_unless_adopted(store: Store, server: Server) -> None:
    server.admin(1).zadd("recall:1", {"old": 5.5})
    server.admin(1).zadd("global_hot", {"old": 5.5})

    with pytest.raises(StoreError, match="--adopt"):
        export(store, 1, [1])
    assert store.reader().read_list(1, 1) == ListRead(None, [b"old"], b"")

    export(store, 1, [1], adopt=True)
    assert store.reader().read_list(1, 1) == ListRead("r1", [b"r1-u1-0"], b"0")
    assert store.reader().read_release() == a_release(1)
    with pytest.raises(StoreError, match="no earlier release"):
        roll_back(store)
    export(store, 2, [1])
    assert store.reader().read_list(1, 1).release_id == "r2"


def test_what_an_export_would_be_refused_for_is_known_before_a_night_of_work(store: Store, server: Server) -> None:
    store.check(None)
    server.admin(1).zadd("global_hot", {"old": 5.5})
    with pytest.raises(StoreError, match=r"recall:\*, global_hot.*Take them over: --adopt"):
        store.check(None)
    store.check(SHOP, adopt=True)
    server.admin(1).delete("global_hot")
    export(store, 1, [1], OTHER_SHOP)
    store.check(None)
    store.check(OTHER_SHOP)
    with pytest.raises(StoreError, match="another shop"):
        store.check(SHOP)


def test_the_store_tells_who_writes_to_it(store: Store) -> None:
    assert store.holder() is None
    with closing(store.writer(SHOP)) as writer:
        writer.begin()
        holder = store.holder()
        assert holder is not None
        assert holder.pid == os.getpid()
    assert store.holder() is None


def test_another_shops_target_is_refused_by_name_unless_adopted(store: Store, server: Server) -> None:
    export(store, 1, [1], OTHER_SHOP)
    export(store, 2, [1], OTHER_SHOP)

    with pytest.raises(StoreError, match=f"another shop, of lineage {OTHER_SHOP}"):
        export(store, 3, [1])
    assert store.reader().read_list(1, 1).release_id == "r2"

    export(store, 3, [1], adopt=True)
    assert store.reader().read_list(1, 1).release_id == "r3"
    assert roll_back(store).id == "r2"


def test_two_shops_on_one_server_keep_their_spares_apart(server: Server) -> None:
    with server.connect(1) as ours, server.connect(5) as theirs:
        for number in (1, 2, 3):
            export(ours, number, [1])
            export(theirs, 10 + number, [1], OTHER_SHOP)

        assert roll_back(ours).id == "r2"
        assert roll_back(theirs, OTHER_SHOP).id == "r12"
        assert ours.reader().read_list(1, 1).release_id == "r2"
        assert theirs.reader().read_list(1, 1).release_id == "r12"


def test_the_spare_of_a_target_is_refused_as_a_target(server: Server) -> None:
    with server.connect(1) as store, server.connect(0) as spare:
        export(store, 1, [1])
        export(store, 2, [1])
        with pytest.raises(StoreError, match="releases of database 1"):
            export(spare, 3, [1], adopt=True)


def test_a_mark_that_cannot_be_read_is_left_alone(store: Store, server: Server) -> None:
    server.admin(0).set("homefeed:mark", json.dumps({"from": "the future"}))
    export(store, 1, [1])
    export(store, 2, [1])
    assert server.admin(0).dbsize() == 1


def test_a_server_that_refuses_swapdb_is_named_and_nothing_is_changed(server: Server, store: Store) -> None:
    export(store, 1, [1])
    server.admin().acl_setuser("noswap", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"], commands=["+@all", "-swapdb"])
    with server.connect(username="noswap", password="secret") as store_of_noswap, pytest.raises(StoreError, match=r"(?i)SWAPDB.*Nothing was changed"):
        export(store_of_noswap, 2, [1])

    assert server.admin(0).dbsize() == 0
    assert store.reader().read_list(1, 1).release_id == "r1"


def test_a_server_that_hides_its_configuration_is_probed(server: Server, store: Store) -> None:
    server.admin().acl_setuser("noconfig", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"], commands=["+@all", "-config"])
    with server.connect(username="noconfig", password="secret") as store_of_noconfig:
        export(store_of_noconfig, 1, [1])

    assert store.reader().read_list(1, 1).release_id == "r1"


def test_a_cluster_is_refused_by_name(tmp_path: Path) -> None:
    with real_redis(tmp_path, "--cluster-enabled", "yes") as cluster, cluster.connect(0) as store, cluster.connect(1) as database_1:
        with pytest.raises(StoreError, match=r"SWAPDB.*Nothing was changed"):
            export(store, 1, [1])
        with pytest.raises(StoreError, match="no cluster"):
            export(database_1, 1, [1])


def test_a_full_server_refuses_the_export_and_serves_on(tmp_path: Path) -> None:
    with embedded_server(tmp_path / "store") as server, server.connect() as store:
        export(store, 1, [1])
        server.admin().config_set("maxmemory", server.admin().info("memory")["used_memory"] + 400_000)
        with pytest.raises(StoreError, match="maxmemory"):
            export(store, 2, range(1, 5000))
        assert store.reader().read_list(1, 1).release_id == "r1"


def test_a_store_that_is_down_is_named_with_its_address() -> None:
    location = StoreLocation("redis", 1, "127.0.0.1", 1)
    with connect(location, 0.05) as store:
        with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1 \(database 1\) does not answer"):
            store.reader().read_list(1, 100)
        with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1 does not answer"):
            store.writer(SHOP).begin()


def test_a_wrong_password_is_a_store_that_does_not_answer_and_is_not_told(server: Server) -> None:
    server.admin().acl_setuser("guest", enabled=True, passwords=["+x"])
    with server.connect(username="guest", password="hunter2") as store, pytest.raises(StoreUnavailableError, match="RECSYS_REDIS_PASSWORD") as caught:
        store.reader().read_list(1, 1)
    assert "hunter2" not in str(caught.value)


def test_a_key_of_the_wrong_type_is_a_list_that_is_gone_and_no_outage(store: Store, server: Server) -> None:
    export(store, 1, [1])
    server.admin(1).set("recall:2", "not a list")
    reader = store.reader()

    assert reader.read_list(2, 1) == ListRead("r1", [], b"")
    assert reader.read_list(1, 1) == ListRead("r1", [b"r1-u1-0"], b"0")


def test_a_connection_that_the_server_closed_is_opened_anew(store: Store, server: Server) -> None:
    export(store, 1, [1])
    reader = store.reader()
    assert reader.read_list(1, 1).release_id == "r1"
    server.admin().client_kill_filter(_type="normal", skipme=True)

    assert reader.read_list(1, 1).release_id == "r1"


def test_a_server_that_hangs_is_given_up_after_the_deadline_and_read_again_when_it_is_back(tmp_path: Path) -> None:
    with embedded_server(tmp_path / "store") as server, server.connect() as store, server.connect(timeout_seconds=0.05) as hasty:
        export(store, 1, [1])
        reader = hasty.reader()
        assert reader.read_list(1, 1).release_id == "r1"
        process = server.admin().info("server")["process_id"]
        os.kill(process, signal.SIGSTOP)
        try:
            for _ in range(3):
                with pytest.raises(StoreUnavailableError, match="does not answer"):
                    reader.read_list(1, 1)
        finally:
            os.kill(process, signal.SIGCONT)
        store.releases()
        assert reader.read_list(1, 1).release_id == "r1"


def test_a_port_where_something_else_listens_is_said_so_to_writers_and_readers_alike() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        with connect(StoreLocation("redis", 1, "127.0.0.1", web.server_port), 5.0) as store:
            for ask in (store.releases, store.writer(SHOP).begin, store.reader().read_release, lambda: store.reader().read_list(1, 1)):
                with pytest.raises(StoreUnavailableError, match=f"Redis at 127.0.0.1:{web.server_port}.*does not speak Redis"):
                    ask()
        web.shutdown()
