"""Whether the feed held: what failed, and what grew from the second quarter of the time to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmarks.figures import percentile
from benchmarks.soak_run import MB, Seen
from benchmarks.watch import Held

GROWTH, GROWTH_BYTES = 0.05, 2 * MB
"""Memory is flat where the median of the last quarter lies at most this share, and these bytes, above that of the second quarter."""
MORE_FILES, MORE_THREADS, BUNDLES = 4, 4, 5
"""So many more at the end than before is chance: a connection, an export's moment. ``BUNDLES``: those that are kept, and one that is being written."""


def verdict(seen: Seen) -> int:
    """Prints it. Exit code 0: held, 1: it did not."""
    for line in _summary(seen):
        print(line)
    complaints = list(_complaints(seen))
    for line in complaints:
        print(f"NOT HELD: {line}")
    if not complaints:
        print("held: no request failed, none was short, every export came through, nothing that is held grew")
    return 1 if complaints else 0


def _summary(seen: Seen) -> Iterator[str]:
    ascending = sorted(us for part in seen.parts for us in part.latencies_us)
    failed, short, degraded = (sum(counts) for counts in zip(*((len(p.failed), p.short, p.degraded) for p in seen.parts), strict=True))
    releases = {release for part in seen.parts for release in part.releases}
    p50, p99, worst = (us / 1000 for us in (percentile(ascending, 0.5), percentile(ascending, 0.99), ascending[-1]))
    yield f"\n{len(ascending):,} requests at {seen.plan.rate:,.0f}/s: {failed:,} failed, {short:,} short, {degraded:,} degraded"
    yield f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {worst:.1f} ms; {len(seen.exports)} exports, {len(releases)} releases served"
    for name, of in _MEMORY.items():
        first, second, _, last = _quarters(seen.looks, of)
        yield f"{name}: {first / MB:.1f} MB in the first quarter, {second / MB:.1f} MB in the second, {last / MB:.1f} MB in the last"


def _complaints(seen: Seen) -> Iterator[str]:
    failed = [line for part in seen.parts for line in part.failed]
    if failed:
        yield f"{len(failed):,} requests failed, the first: {failed[0]}"
    if short := sum(part.short for part in seen.parts):
        yield f"{short:,} slates were short"
    if len(seen.parts) != seen.plan.connections * seen.plan.minutes:
        yield "a connection ended early"
    if len(seen.exports) != seen.plan.minutes or any(seen.exports):
        yield f"of {seen.plan.minutes} exports {len(seen.exports)} ended, with exit codes {seen.exports}"
    if len({look.workers for look in seen.looks}) > 1:
        yield f"workers came and went: {sorted({look.workers for look in seen.looks})}"
    if (most := max(seen.bundles)) > BUNDLES:
        yield f"{most} bundles lie on disk"
    if seen.leftovers:
        yield f"left behind: {', '.join(seen.leftovers)}"
    yield from _grown(seen)


_MEMORY: dict[str, Callable[[Held], int]] = {"memory of the API": lambda held: held.api_bytes, "memory of the store": lambda held: held.store_bytes}


def _grown(seen: Seen) -> Iterator[str]:
    for name, of in _MEMORY.items():
        _, second, _, last = _quarters(seen.looks, of)
        if last > second * (1 + GROWTH) + GROWTH_BYTES:
            yield f"{name} grew from {second / MB:.1f} MB to {last / MB:.1f} MB (bound: {GROWTH:.0%} and {GROWTH_BYTES / MB:.0f} MB)"
    for name, count, more in (("open files", lambda held: held.files, MORE_FILES), ("threads", lambda held: held.threads, MORE_THREADS)):
        _, second, _, last = _quarters(seen.looks, count)
        if last > second + more:
            yield f"{name} grew from {second:.0f} to {last:.0f}"


def _quarters(looks: Sequence[Held], of: Callable[[Held], int]) -> list[float]:
    """The median of each quarter of the time."""
    values, n = [of(look) for look in looks], len(looks)
    return [median(values[n * k // 4 : n * (k + 1) // 4] or values[-1:]) for k in range(4)]
