"""What is counted, for Prometheus. No uid is ever in a label, and every label has few values."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from homefeed.core.candidates import FRESH, SOURCES
from homefeed.core.slate import Slate
from homefeed.serving.degraded import PARTS
from homefeed.serving.stopwatch import STEPS

REQUEST_SECONDS = (0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5)
STAGE_SECONDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.5)


class Telemetry:
    """The counters of one process.

    Where ``PROMETHEUS_MULTIPROC_DIR`` was set when the library was imported, they lie in files there, and a scrape sums those of all processes.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = Counter("homefeed_requests", "Answered requests.", ["route", "status"], registry=registry)
        self._request_seconds = Histogram(
            "homefeed_request_seconds", "From a request's arrival in the application to its answer made.", ["route"], registry=registry, buckets=REQUEST_SECONDS
        )
        self._stage_seconds = Histogram("homefeed_stage_seconds", "One stage of making a slate.", ["stage"], registry=registry, buckets=STAGE_SECONDS)
        self._fallbacks = Counter("homefeed_fallbacks", "Slates made without a part that should have helped.", ["degraded"], registry=registry)
        for part in PARTS:
            self._fallbacks.labels(part)  # there from the start, so that the first one is seen as a rise
        self._short = Counter("homefeed_short_slates", "Slates with fewer items than were asked for.", registry=registry)
        self._cold_starts = Counter("homefeed_cold_starts", "Slates for people without a list, by what stood in.", ["source"], registry=registry)
        self._lines = Counter("homefeed_slate_log_lines", "Lines of the slate log, written or lost, and why.", ["outcome"], registry=registry)
        self._starts = Counter("homefeed_worker_starts", "Worker processes that began to serve.", registry=registry)
        self._answered: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._stages = {step: self._stage_seconds.labels(step) for step in STEPS}  # its file is open from here on: no request can fail for want of one
        self._sources: dict[str, Counter] = {}

    def started(self) -> None:
        self._starts.inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """``route``: a name of ours, never a path."""
        known = self._answered.get((route, status))
        if known is None:
            known = self._answered[route, status] = (self._requests.labels(route, str(status)), self._request_seconds.labels(route))
        known[0].inc()
        known[1].observe(seconds)

    def made(self, slate: Slate) -> None:
        for stage, seconds in slate.seconds.items():
            self._stages[stage].observe(seconds)
        for part in slate.degraded:
            self._fallbacks.labels(part).inc()
        if slate.is_short:
            self._short.inc()
        if slate.is_cold_start:
            self._cold_start(next((item.source for item in slate.items if item.source != SOURCES[FRESH]), "none")).inc()

    def logged(self, outcome: str, lines: int) -> None:
        """``outcome``: written, queue_full or disk."""
        self._lines.labels(outcome).inc(lines)

    def _cold_start(self, source: str) -> Counter:
        known = self._sources.get(source)
        if known is None:
            known = self._sources[source] = self._cold_starts.labels(source)
        return known
