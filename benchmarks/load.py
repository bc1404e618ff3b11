"""``python -m benchmarks.load HOST:PORT ROUTE VISITORS CONNECTIONS SECONDS REQUESTS``: keep-alive connections that ask in turn, a process each.

Standard library only. A process for each connection, because threads of one would wait for each other and call it latency.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import cycle
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import quote

from benchmarks.figures import LoadFigures, percentile

_WARM_UP = 100
_START_TOGETHER_SECONDS = 0.5
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Loop:
    """What one connection does: from ``start_at`` (``time.monotonic``) for at most so many seconds and requests."""

    address: str
    paths: tuple[str, ...]
    start_at: float
    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class Answers:
    latencies_ns: tuple[int, ...]
    degraded: int
    seconds: float


def load(address: str, route: str, visitors: Path, connections: int, seconds: float, requests: int) -> LoadFigures:
    """Ends this process where a connection ends early: an answer other than 200, or none."""
    paths = [route.format(uid=quote(uid, safe="")) for uid in visitors.read_text().split()]
    start_at = time.monotonic() + _START_TOGETHER_SECONDS
    loops = [Loop(address, tuple(paths[n::connections]), start_at, seconds, requests) for n in range(connections)]
    try:
        answers = [told.recv() for told in [_start(loop) for loop in loops]]
    except EOFError:
        sys.exit("A connection ended early; the lines above say why")
    ascending = sorted(ns for one in answers for ns in one.latencies_ns)
    return LoadFigures(
        route=route,
        connections=connections,
        requests=len(ascending),
        degraded=sum(one.degraded for one in answers),
        requests_per_second=sum(len(one.latencies_ns) / one.seconds for one in answers),
        p50_us=percentile(ascending, 0.5) / 1000,
        p99_us=percentile(ascending, 0.99) / 1000,
    )


def _start(loop: Loop) -> Connection[object, Answers]:
    """Where the answers will be told. The process ends by itself, whatever becomes of this one."""
    told, tell = Pipe(duplex=False)
    get_context("spawn").Process(target=_ask, args=(loop, tell), daemon=True).start()
    tell.close()
    return told


def _ask(loop: Loop, tell: Connection[Answers, object]) -> None:
    with closing(http.client.HTTPConnection(loop.address, timeout=_TIMEOUT_SECONDS)) as connection:
        paths = cycle(loop.paths)
        for _ in range(_WARM_UP):
            _get(connection, next(paths))
        time.sleep(max(loop.start_at - time.monotonic(), 0))
        tell.send(_timed(connection, paths, loop))


def _timed(connection: http.client.HTTPConnection, paths: Iterator[str], loop: Loop) -> Answers:
    latencies_ns: list[int] = []
    degraded = 0
    started = now = time.perf_counter_ns()
    stop = started + int(loop.seconds * 1e9)
    while now < stop and len(latencies_ns) < loop.requests:
        path = next(paths)
        asked = time.perf_counter_ns()
        body = _get(connection, path)
        now = time.perf_counter_ns()
        latencies_ns.append(now - asked)
        degraded += bool(json.loads(body)["degraded"])
    return Answers(tuple(latencies_ns), degraded, (now - started) / 1e9)


def _get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered with {answer.status}: {body[:200]!r}")
    return body


if __name__ == "__main__":
    address, route, visitors, connections, seconds, requests = sys.argv[1:]
    print(json.dumps(asdict(load(address, route, Path(visitors), int(connections), float(seconds), int(requests)))))
