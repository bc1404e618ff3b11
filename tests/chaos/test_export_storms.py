"""What befalls a server around an export: full, killed, flushed, and whose disk is full."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from store_cases import HOT, SHOP, a_release, everything_in, export, let_time_pass, lists_of, roles
from store_kills import whole_release
from store_servers import Server, embedded_server, real_redis

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.store.base import UserList

USERS = range(1, 301)


@pytest.fixture(params=["embedded", "redis"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of this test alone."""
    with (embedded_server if request.param == "embedded" else real_redis)(tmp_path) as server:
        yield server


def test_a_full_server_refuses_the_export_serves_on_and_takes_the_next_once_it_has_room(own: Server) -> None:
    with own.connect() as store:
        export(store, 1, USERS)
        export(store, 2, USERS)
        before = everything_in(own, 1)
        own.admin().config_set("maxmemory", own.admin().info("memory")["used_memory"] + 300_000)
        with pytest.raises(StoreError, match=r"OOM.*Give it more memory"):
            export(store, 3, range(1, 5000))
        assert everything_in(own, 1) == before
        assert roles(own) == {0: "spare", 1: "live"}  # what had been written gave its room back, at once
        assert store.reader().read_list(1, 1).release_id == "r2"
        own.admin().config_set("maxmemory", 0)
        export(store, 4, USERS)
        assert whole_release(own, 4, len(USERS))


def test_a_server_that_is_full_before_the_export_says_so(own: Server) -> None:
    with own.connect() as store:
        export(store, 1, USERS)
        own.admin().config_set("maxmemory", 1_000_000 // 2)
        with pytest.raises(StoreError, match=r"OOM.*Give it more memory"):
            export(store, 2, USERS)
        own.admin().config_set("maxmemory", 0)
        export(store, 3, USERS)
        assert whole_release(own, 3, len(USERS))


def test_a_server_that_is_killed_during_an_export_is_named_and_the_next_export_is_whole(tmp_path: Path) -> None:
    with real_redis(tmp_path, "--appendonly", "yes") as server:
        with server.connect() as store:
            export(store, 1, USERS)
            with closing(store.writer(SHOP)) as writer, pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1.*does not answer"):
                writer.stage(a_release(2), _lists_during_which(lambda: os.kill(server.admin().info("server")["process_id"], signal.SIGKILL)), HOT)
        with real_redis(tmp_path, "--appendonly", "yes") as again, again.connect() as store:
            assert whole_release(again, 1, len(USERS))
            let_time_pass(again)
            export(store, 3, USERS)
            assert whole_release(again, 3, len(USERS))


def test_an_embedded_server_that_is_killed_during_an_export_is_back_with_what_was_published(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server, server.connect() as store:
        export(store, 1, USERS)
        with closing(store.writer(SHOP)) as writer, pytest.raises(StoreUnavailableError):
            writer.stage(a_release(2), _lists_during_which(lambda: os.kill(server.admin().info("server")["process_id"], signal.SIGKILL)), HOT)
        store.revive()
        assert whole_release(server, 1, len(USERS))
        let_time_pass(server)  # the dump remembers the lock too
        export(store, 3, USERS)
        assert whole_release(server, 3, len(USERS))


@pytest.mark.parametrize("when", ["between two exports", "during one"])
def test_a_server_that_somebody_flushes_has_a_whole_release_after_the_next_export(server: Server, when: str) -> None:
    with server.connect() as store:
        export(store, 1, USERS)
        if when == "during one":
            with closing(store.writer(SHOP)) as writer, pytest.raises(StoreError, match=r"taken over|lost"):
                writer.stage(a_release(2), _lists_during_which(server.admin().flushall), HOT)
        server.admin().flushall()
        export(store, 3, USERS)
        assert whole_release(server, 3, len(USERS))
        assert roles(server) == {1: "live"}


def test_a_full_disk_under_the_embedded_store_is_said_and_serving_goes_on(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server, server.connect() as store:
        export(store, 1, USERS)
        process = server.admin().info("server")["process_id"]
        limits = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(StoreError, match=r"is live, but the embedded store could not write it to disk.*Make room on the disk"):
            export(store, 2, USERS)
        assert whole_release(server, 2, len(USERS))
        assert store.reader().read_list(1, 1).release_id == "r2"
        resource.prlimit(process, resource.RLIMIT_FSIZE, limits)
        export(store, 3, USERS)
        assert whole_release(server, 3, len(USERS))


def _lists_during_which(something: Callable[[], object]) -> Iterator[UserList]:
    yield from lists_of(2, range(1, 300))
    something()
    yield from lists_of(2, range(300, 900))
