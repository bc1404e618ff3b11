"""Holds the load, exports every minute, and looks at what the processes hold."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from urllib.parse import quote

from benchmarks.api import RunningApi
from benchmarks.figures import percentile
from benchmarks.paced import Pace, Part, ask_in_step
from benchmarks.process import Workplace, environment, homefeed
from benchmarks.watch import Held, held

HOST, MB = "127.0.0.1", 1_000_000
MINUTE_SECONDS, _LOOK_SECONDS, _START_SECONDS = 60.0, 2.0, 2.0


@dataclass(frozen=True, slots=True)
class Soak:
    """``rate``: requests a second over all connections. ``store``: process id of the store's server."""

    place: Workplace
    api: RunningApi
    store: int
    route: str
    rate: float
    connections: int
    minutes: int


@dataclass(slots=True)
class Seen:
    """All of one soak. ``looks``: what was held, every two seconds; ``exports``: exit codes; ``bundles``: folders on disk, each minute.

    ``leftovers``: half-written files and folders on disk at the end.
    """

    plan: Soak
    parts: list[Part] = field(default_factory=list)
    looks: list[Held] = field(default_factory=list)
    exports: list[int] = field(default_factory=list)
    bundles: list[int] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    def minute(self, number: int) -> list[Part]:
        return [part for part in self.parts if part.number == number]


class _Exports:
    """One at a time, the first as soon as the load is on, then one every minute."""

    def __init__(self, place: Workplace, start_at: float, minutes: int) -> None:
        self._place = place
        self._due = [start_at + 1 + n * MINUTE_SECONDS for n in range(minutes)]
        self._running: subprocess.Popen[bytes] | None = None

    def ended(self) -> Iterator[int]:
        """Exit codes of those that have ended since; starts the next where it is due."""
        if self._running is not None:
            code = self._running.poll()
            if code is None:
                return
            self._running = None
            yield code
        if self._due and time.monotonic() >= self._due[0]:
            self._due.pop(0)
            with self._place.log("export under load").open("w") as log:
                self._running = subprocess.Popen(
                    homefeed("export"), cwd=self._place.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )

    def close(self) -> Iterator[int]:
        if self._running is not None:
            yield self._running.wait()


def soak(plan: Soak) -> Seen:
    """Returns when every connection has told its last minute, or has ended."""
    start_at = time.monotonic() + _START_SECONDS
    pipes = [ask_in_step(pace) for pace in _paces(plan, start_at)]
    seen, exports, next_look = Seen(plan), _Exports(plan.place, start_at, plan.minutes), start_at
    print(_HEAD, flush=True)
    while pipes:
        wait(pipes, timeout=0.5)
        for pipe in [pipe for pipe in pipes if pipe.poll()]:
            try:
                seen.parts.append(pipe.recv())
            except EOFError:
                pipes.remove(pipe)
        if time.monotonic() >= next_look:
            seen.looks.append(held(plan.api.pid, plan.store))
            next_look += _LOOK_SECONDS
        seen.exports += exports.ended()
        while len(seen.minute(len(seen.bundles))) == plan.connections:
            seen.bundles.append(_bundles(plan.place))
            print(_line(len(seen.bundles) - 1, seen), flush=True)
    seen.exports += exports.close()
    seen.leftovers += [str(path) for path in plan.place.data.rglob("*") if path.suffix == ".tmp" or path.name == ".staging"]
    return seen


def _paces(plan: Soak, start_at: float) -> Iterator[Pace]:
    """The connections take turns, so that the questions come evenly."""
    paths = [plan.route.format(uid=quote(uid, safe="")) for uid in plan.place.visitors.read_text().split()]
    gap = plan.connections / plan.rate
    for n in range(plan.connections):
        yield Pace(f"{HOST}:{plan.api.port}", tuple(paths[n :: plan.connections]), start_at + n / plan.rate, gap, MINUTE_SECONDS, plan.minutes)


_HEAD = "minute requests  failed   short degraded   p50 ms   p99 ms worst ms   api MB store MB   files threads bundles exports"


def _line(number: int, seen: Seen) -> str:
    parts, look = seen.minute(number), seen.looks[-1]
    ascending = sorted(us for part in parts for us in part.latencies_us)
    p50, p99, worst = (us / 1000 for us in (percentile(ascending, 0.5), percentile(ascending, 0.99), ascending[-1]))
    counts = len(ascending), sum(len(part.failed) for part in parts), sum(part.short for part in parts), sum(part.degraded for part in parts)
    return (
        f"{number + 1:6} {counts[0]:8,} {counts[1]:7,} {counts[2]:7,} {counts[3]:8,} {p50:8.2f} {p99:8.2f} {worst:8.1f} "
        f"{look.api_bytes / MB:8.1f} {look.store_bytes / MB:8.1f} {look.files:7} {look.threads:7} {seen.bundles[number]:7} {len(seen.exports):7}"
    )


def _bundles(place: Workplace) -> int:
    return sum(path.is_dir() for path in (place.data / "releases").iterdir())
