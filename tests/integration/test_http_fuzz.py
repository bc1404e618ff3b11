"""Whatever a stranger sends, no answer is a 5xx, none is missing for long, and the next one is served."""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hostile_requests import TRICKS, built, statuses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_api import Api, published, running

THREADS = 16
ENOUGH_FILES = 4000
QUICK, LONG = 2_000, int(os.environ.get("HOMEFEED_FUZZ_REQUESTS", "60000"))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    data = tmp_path_factory.mktemp("fuzz")
    with published(data), running(data, RECSYS_CORS_ORIGINS="*", RECSYS_SLATE_LOG=str(data / "slates.jsonl"), RECSYS_REDIS_TIMEOUT_MS="1000") as api:
        yield api
        assert "Traceback" not in api.log.read_text()
        assert 'status="5' not in api.text("/metrics")[2]


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_is_answered_by_a_5xx(api: Api, trick: str) -> None:
    assert all(status < 500 for status in statuses(api.port, TRICKS[trick]))
    assert api.get("/recommend/bob")[0] == 200


@pytest.mark.parametrize(
    ("trick", "status"),
    [
        ("raw NUL", 400),
        ("path of no UTF-8", 400),
        ("method with a sign", 400),
        ("two lengths", 400),
        ("HTTP/0.9", 400),
        ("path of 100 kB", 414),
        ("10,000 headers", 431),
        ("header of 1 MB", 431),
    ],
)
def test_what_the_server_itself_answers_is_as_documented(api: Api, trick: str, status: int) -> None:
    assert statuses(api.port, TRICKS[trick]) == [status]


def test_a_body_is_never_taken_for_a_request(api: Api) -> None:
    hidden = b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n"
    for headers in (b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden, b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)):
        assert statuses(api.port, b"GET /recall/a HTTP/1.1\r\nHost: a\r\n" + headers) == [200]


def test_built_requests_get_no_5xx(api: Api) -> None:
    assert flood(api, QUICK, seed=1)[500] == 0


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_hypothesis_thinks_of_get_no_5xx(api: Api, data: bytes) -> None:
    end = b"\r\nHost: a\r\nConnection: close\r\n\r\n"
    for request in (data + end, b"GET /recommend/" + data + b" HTTP/1.1" + end, b"GET /recall/a HTTP/1.1\r\n" + data + end):
        assert all(status < 500 for status in statuses(api.port, request))


@pytest.mark.long
def test_a_long_flood_of_built_requests_gets_no_5xx(api: Api) -> None:
    met = flood(api, LONG, seed=2)
    sys.stdout.write(f"\n{LONG} fuzzed requests, {sum(met.values())} answers, {met[500]} of them 5xx: {dict(sorted(met.items()))}\n")
    assert met[500] == 0
    assert api.get("/recommend/bob")[0] == 200


def test_two_thousand_connections_that_say_nothing_keep_nobody_out(api: Api) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < ENOUGH_FILES:
        pytest.skip(f"this system lets a process have no more than {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, ENOUGH_FILES), hard))
    waiting = []
    try:
        for _ in range(2000):
            connection = socket.create_connection(("127.0.0.1", api.port), timeout=10)
            connection.sendall(b"GET /recall/a HTTP/1.1\r\nHost:")
            waiting.append(connection)
        started = time.monotonic()
        assert api.get("/recommend/bob")[0] == 200
        assert time.monotonic() - started < 5
    finally:
        for connection in waiting:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def flood(api: Api, requests: int, seed: int) -> Counter[int]:
    """Answers by status; all that are 5xx count as 500."""

    def some(part: int) -> Counter[int]:
        random = Random(f"{seed}-{part}")
        return Counter(min(status, 500) for _ in range(requests // THREADS) for status in statuses(api.port, built(random)))

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(some, range(THREADS)), Counter())
