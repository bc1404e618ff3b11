"""The text that Prometheus scrapes: this process's counters or the sum over all of a server's workers, and the release that answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from homefeed.core.release import Release

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True, slots=True)
class WorkerState:
    """Of the worker that answers a scrape; the others follow within two seconds."""

    release: Release | None
    breaker_is_open: bool


def exposition(registry: CollectorRegistry, workers: Path | None, state: WorkerState, now: datetime) -> bytes:
    """``workers``: the folder in which worker processes keep their counters; None where this process is the only one.

    The counters of a worker that has died stay in the sum: a counter never goes down while the server runs.
    """
    if workers is not None:
        registry = CollectorRegistry()
        registry.register(_SumOverWorkers(workers))
    about = CollectorRegistry()
    about.register(_Gauges(state, now))
    return generate_latest(registry) + generate_latest(about)


class _SumOverWorkers(Collector):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """A file that a worker has just begun is still empty, and the library cannot read it."""
        files = [str(path) for path in self._folder.glob("*.db") if _holds_something(path)]
        summed: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return summed


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:  # somebody cleans up
        return False


class _Gauges(Collector):
    def __init__(self, state: WorkerState, now: datetime) -> None:
        self._state = state
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("homefeed_store_breaker_open", "1 while the store is not asked, since it did not answer.", float(self._state.breaker_is_open))
        release = self._state.release
        if release is not None:
            info = GaugeMetricFamily("homefeed_release_info", "The release that answers; the value is always 1.", labels=["release"])
            info.add_metric([release.id], 1)
            yield info
            yield GaugeMetricFamily("homefeed_release_age_seconds", "Since that release was made.", release.age_seconds(self._now))
