"""The API as a process of its own: Flask under Granian, before a real store."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_api import SERVE, Api, environment, publish, running
from small_release import full_lists, small_bundle, with_broken_ranker
from store_servers import REDIS_SERVER, free_port, real_redis
from waiting import eventually

from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation, write_store_file


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Store, Path]]:
    data = tmp_path_factory.mktemp("data")
    location = StoreLocation("embedded", 1, folder=data / "store")
    with connect(location, 5.0) as store:
        publish(store, data, small_bundle("r1"))
        write_store_file(data / "store.json", location)
        with running(data, RECSYS_REDIS_TIMEOUT_MS="1000") as api:
            yield api, store, data


@pytest.fixture(scope="module")
def api(shop: tuple[Api, Store, Path]) -> Api:
    return shop[0]


def test_the_process_answers_the_three_routes_from_the_store_of_the_last_export(api: Api) -> None:
    status, health = api.get("/health")
    assert (status, health["redis"], health["rank_service"]) == (200, "ok", "ok")
    assert api.get("/recall/bob")[1]["count"] == 50
    assert len(api.get("/recommend/bob")[1]["items"]) == 10


def test_the_log_tells_what_the_contracts_log_tells(api: Api) -> None:
    log = api.log.read_text()
    assert all(line in log for line in ("DeepFM model loaded", "RankService initialized", f"Flask app listening on http://127.0.0.1:{api.port}"))


@pytest.mark.parametrize(
    ("path", "uid"),
    [
        (b"/recall/a%2Fb", "a/b"),
        (b"/recall/a/b", "a/b"),
        (b"/recall/100%25", "100%"),
        (b"/recall/100%", "100%"),
        (b"/recall/zo%C3%AB", "zo\u00eb"),
        (b"/recall/%61nn", "ann"),
    ],
)
def test_an_encoded_uid_is_decoded_once(api: Api, path: bytes, uid: str) -> None:
    status, answer = api.get_raw(path)
    assert (status, answer["uid"], answer["is_cold_start"]) == (200, uid, False)


@pytest.mark.parametrize(
    ("path", "uid"), [(b"/recall/a%252Fb", "a%2Fb"), (b"/recall//a%2F%2F", "/a//"), (b"/recall/%2e%2e/health", "../health"), (b"/recall/a+b", "a+b")]
)
def test_a_strange_uid_stays_as_it_is(api: Api, path: bytes, uid: str) -> None:
    status, answer = api.get_raw(path)
    assert (status, answer["uid"], answer["is_cold_start"]) == (200, uid, True)


@pytest.mark.parametrize("uid", [b"%FF", b"%C3", b"a%00b", b"a%0Ab", b"%0a", b"%7F", b"%ED%A0%80", b"x" * 513, b"%C3%A9" * 257])
def test_bytes_that_spell_no_uid_are_refused(api: Api, uid: bytes) -> None:
    for route in (b"/recall/", b"/recommend/"):
        status, answer = api.get_raw(route + uid)
        assert (status, answer["error"]["code"]) == (400, "bad_uid")


@pytest.mark.parametrize("uid", [b"\xff", b"a b", b"\xc3\xa9", b"x" * 100_000, b"%"])
def test_a_hostile_path_does_not_stop_the_server(api: Api, uid: bytes) -> None:
    assert api.get_raw(b"/recall/" + uid)[0] in (200, 400, 414)
    assert api.answers()


def test_a_release_published_under_load_is_taken_up_without_a_failed_request(shop: tuple[Api, Store, Path]) -> None:
    api, store, data = shop
    answers: list[tuple[int, Any]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.extend(api.get(path) for path in ("/recommend/bob?top_k=100", "/recall/stranger"))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    lists = {"r1": full_lists(small_bundle("r1"), seed=2), "release-2": publish(store, data, small_bundle("release-2", seed=2))}
    assert eventually(lambda: api.get("/recall/stranger")[1]["release"] == "release-2")
    stop.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    assert {answer["release"] for _, answer in answers} == {"r1", "release-2"}
    assert all(answer["degraded"] == [] for _, answer in answers)
    ranked = [answer for _, answer in answers if answer["stage"] == "rank"]
    assert all({item["id"] for item in answer["items"] if item["source"] == "dssm"} <= set(lists[answer["release"]][2]) for answer in ranked)


def test_a_port_that_is_taken_is_said_so(api: Api, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment(tmp_path, RECSYS_API_PORT=str(api.port)), cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{api.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_may_be_a_name(tmp_path: Path) -> None:
    with running(tmp_path, RECSYS_API_HOST="localhost", RECSYS_REDIS_PORT=str(free_port())) as api:
        assert api.get("/live")[0] == 200
        assert f"Flask app listening on http://localhost:{api.port}" in api.log.read_text()


def test_ctrl_c_ends_the_process_cleanly(tmp_path: Path) -> None:
    with running(tmp_path, RECSYS_REDIS_PORT=str(free_port())) as api:
        status, answer = api.get("/recommend/bob")
        assert (status, answer["error"]["code"]) == (503, "no_release")
        api.process.send_signal(signal.SIGINT)
        assert api.process.wait(20) == 0
        assert "Traceback" not in api.log.read_text()
        assert not api.answers()


def test_a_worker_that_still_loads_its_release_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Its store is a port that takes connections and never answers, so that it loads for the whole of the store's deadline."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        environ = environment(tmp_path, RECSYS_API_PORT=str(free_port()), RECSYS_REDIS_TIMEOUT_MS="30000")
        environ |= {"RECSYS_REDIS_HOST": "127.0.0.1", "RECSYS_REDIS_PORT": str(mute.getsockname()[1])}
        with subprocess.Popen([sys.executable, "-c", SERVE], cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process, mute.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said


def test_a_ranker_that_failed_is_not_said_to_be_initialized(tmp_path: Path) -> None:
    write_bundle(tmp_path / "releases", with_broken_ranker(small_bundle()))
    with running(tmp_path, RECSYS_REDIS_PORT=str(free_port())) as api:
        log = api.log.read_text()
    assert "RankService degraded" in log
    assert "RankService initialized" not in log


@pytest.mark.parametrize("command", ["status", "run"])
def test_a_port_that_is_an_api_and_no_redis_is_said_so_in_one_line(api: Api, command: str, tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path), "--host", "127.0.0.1", "--port", str(api.port)]
    done = subprocess.run(
        [sys.executable, "-m", "homefeed", command, *arguments], env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Error: Redis at [^\n]* (does not speak Redis|does not answer)[^\n]*", done.stderr.strip())


def test_a_killed_process_leaves_no_worker_behind(tmp_path: Path) -> None:
    with running(tmp_path, RECSYS_REDIS_PORT=str(free_port())) as api:
        api.process.kill()
        assert eventually(lambda: not api.answers())


@pytest.mark.skipif(REDIS_SERVER is None, reason="redis-server is not installed")
def test_while_redis_is_out_the_bundles_hot_list_stands_in(tmp_path: Path) -> None:
    with real_redis(tmp_path) as redis:
        settings = {"RECSYS_REDIS_PORT": str(redis.place.port), "RECSYS_REDIS_HOST": "127.0.0.1", "RECSYS_REDIS_TIMEOUT_MS": "1000"}
        with redis.connect() as store:
            publish(store, tmp_path, small_bundle("r1"))
        with running(tmp_path, **settings) as api:
            assert api.get("/recommend/bob")[1]["degraded"] == []
            redis.admin().shutdown(nosave=True)
            assert eventually(lambda: api.get("/health")[0] == 503)
            assert api.get("/health")[1]["redis"] == "unavailable"
            status, answer = api.get("/recommend/bob")
            assert (status, answer["degraded"], answer["is_cold_start"], len(answer["items"])) == (200, ["redis"], False, 10)


IN_A_FRESH_PROCESS = """
import sys
import homefeed.wsgi
assert homefeed.wsgi.app.test_client().get("/health").status_code == 503
heavy = {"torch", "polars", "narwhals", "pandas", "pyarrow", "sklearn", "scipy", "matplotlib"}
sys.exit(f"loaded: {heavy & set(sys.modules)}" if heavy & set(sys.modules) else 0)
"""
FORKED_AFTER_IMPORT = """
import os, threading
import homefeed.wsgi
client = homefeed.wsgi.app.test_client()
assert threading.active_count() == 1
client.get("/health")
assert [t.name for t in threading.enumerate() if t.name == "release-watcher"]
child = os.fork()
if child == 0:
    client.get("/health")
    os._exit(0 if [t for t in threading.enumerate() if t.name == "release-watcher"] else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.parametrize("script", [IN_A_FRESH_PROCESS, FORKED_AFTER_IMPORT], ids=["light", "fork-safe"])
def test_the_wsgi_application_is_light_and_watches_in_whatever_process_serves(tmp_path: Path, script: str) -> None:
    environ = environment(tmp_path, RECSYS_REDIS_PORT=str(free_port()))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
