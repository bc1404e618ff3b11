"""The API as its users start it: seconds until it is healthy, its memory, and the latency of its routes."""

from __future__ import annotations

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from benchmarks.figures import ApiFigures, LoadFigures
from benchmarks.memory import memory_of
from benchmarks.plan import Plan
from benchmarks.process import Workplace, environment, helper, homefeed, last_lines
from benchmarks.store import wait_for_store
from homefeed.core.errors import HomefeedError

ROUTES = ("/recommend/{uid}?top_k=10", "/recall/{uid}?top_k=50")
_HOST = "127.0.0.1"
_START_SECONDS, _STOP_SECONDS, _POLL_SECONDS = 60.0, 20.0, 0.005


@dataclass(frozen=True, slots=True)
class RunningApi:
    pid: int
    port: int
    start_seconds: float


def measure_api(place: Workplace, plan: Plan) -> tuple[ApiFigures, list[LoadFigures]]:
    """Several starts, then loads on the last one. Raises ``HomefeedError`` when the API does not start or does not answer."""
    print("api", flush=True)
    starts = [_start_and_end(place) for _ in range(plan.api_starts - 1)]
    with running_api(place) as api:
        load = [_load(place, plan, api, route, connections) for connections in plan.connections for route in ROUTES]
        memory = memory_of(api.pid)
    return ApiFigures((*starts, api.start_seconds), memory), load


@contextmanager
def running_api(place: Workplace) -> Iterator[RunningApi]:
    """``homefeed serve`` on a free port of the loopback interface; it and its embedded store have ended when this has."""
    wait_for_store(place)
    port = _free_port()
    with place.log("api").open("w") as log:
        words = homefeed("serve", "--api-host", _HOST, "--api-port", str(port))
        started = time.perf_counter()
        process = subprocess.Popen(words, cwd=place.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_until_healthy(place, process, port)
        yield RunningApi(process.pid, port, time.perf_counter() - started)
    finally:
        _end(process)
        wait_for_store(place)


def _start_and_end(place: Workplace) -> float:
    with running_api(place) as api:
        return api.start_seconds


def _load(place: Workplace, plan: Plan, api: RunningApi, route: str, connections: int) -> LoadFigures:
    print(f"{route}, connections: {connections}", flush=True)
    bounds = (str(plan.load_seconds), str(plan.load_requests))
    return LoadFigures(**helper(place, "benchmarks.load", f"{_HOST}:{api.port}", route, str(place.visitors), str(connections), *bounds))


def _wait_until_healthy(place: Workplace, process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _is_healthy(port):
            return
        time.sleep(_POLL_SECONDS)
    raise HomefeedError(f"The API did not become healthy:\n{last_lines(place.log('api'))}")


def _is_healthy(port: int) -> bool:
    with closing(http.client.HTTPConnection(_HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
