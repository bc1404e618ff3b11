"""Keep-alive connections that ask at a fixed pace, a process each: an answer that is late does not delay the next question's moment.

Latencies are counted from the moment a question was due, so that a stall shows in all that waited behind it. Standard library only.
"""

from __future__ import annotations

import http.client
import json
import time
from array import array
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count, cycle
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection

TOP_K = 10
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """One connection's questions: from ``start_at`` (``time.monotonic``), one every ``gap_seconds``, told in parts of ``part_seconds``."""

    address: str
    paths: tuple[str, ...]
    start_at: float
    gap_seconds: float
    part_seconds: float
    parts: int


@dataclass(slots=True)
class Part:
    """What one connection saw in one part of the time. ``failed``: no answer, or another than 200; ``short``: fewer items than were asked for."""

    number: int
    latencies_us: array[int] = field(default_factory=lambda: array("Q"))
    failed: list[str] = field(default_factory=list)
    short: int = 0
    degraded: int = 0
    releases: set[str] = field(default_factory=set)


def ask_in_step(pace: Pace) -> Connection[object, Part]:
    """Where the parts will be told. The process ends by itself, whatever becomes of this one."""
    told, tell = Pipe(duplex=False)
    get_context("spawn").Process(target=_ask, args=(pace, tell), daemon=True).start()
    tell.close()
    return told


def _ask(pace: Pace, tell: Connection[Part, object]) -> None:
    paths, numbers = cycle(pace.paths), count()
    with closing(http.client.HTTPConnection(pace.address, timeout=_TIMEOUT_SECONDS)) as connection:
        for number in range(pace.parts):
            part = Part(number)
            for due in _due(pace, number, numbers):
                time.sleep(max(due - time.monotonic(), 0))
                _one(connection, next(paths), part)
                part.latencies_us.append(int((time.monotonic() - due) * 1e6))
            tell.send(part)


def _due(pace: Pace, number: int, numbers: Iterator[int]) -> Iterator[float]:
    """The moments of the questions of one part; ``numbers`` goes on from part to part."""
    end = pace.start_at + (number + 1) * pace.part_seconds
    while True:
        due = pace.start_at + next(numbers) * pace.gap_seconds
        yield due
        if due + pace.gap_seconds >= end:
            return


def _one(connection: http.client.HTTPConnection, path: str, part: Part) -> None:
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()  # the next question opens it again
        part.failed.append(f"{path}: {type(error).__name__}: {error}")
        return
    if answer.status != 200:
        part.failed.append(f"{path}: {answer.status} {body[:200]!r}")
        return
    slate = json.loads(body)
    part.short += len(slate["items"]) < TOP_K
    part.degraded += bool(slate["degraded"])
    part.releases.add(slate["release"])
