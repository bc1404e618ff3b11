"""The soak's verdict: a leak is found, the noise of a busy machine is none."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.api import RunningApi
from benchmarks.paced import Part
from benchmarks.process import Workplace
from benchmarks.soak_run import Seen, Soak
from benchmarks.soak_verdict import verdict
from benchmarks.watch import Held

MB = 1_000_000


def held_well(minutes: int = 4) -> Seen:
    """Memory that grows while it warms up, and jumps with each release that is loaded beside the one before."""
    plan = Soak(Workplace(Path("shop")), RunningApi(7, 8000, 1.0), 9, "/recommend/{uid}", 100.0, 2, minutes)
    parts = [Part(n, array("Q", [900, 1_000, 40_000]), releases={f"r{n}"}) for n in range(minutes) for _ in range(2)]
    looks = [Held((120 + min(n, 20) + 8 * (n % 30 == 0)) * MB, (13 + n % 2) * MB, 40 + n % 3, 12, (8,)) for n in range(minutes * 30)]
    return Seen(plan, parts, looks, [0] * minutes, [3] * minutes)


def test_a_feed_that_held_is_told_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(held_well()) == 0
    said = capsys.readouterr().out
    assert "24 requests at 100/s: 0 failed, 0 short, 0 degraded" in said
    assert "4 exports, 4 releases served" in said


def leaks(seen: Seen) -> None:
    seen.looks = [Held(look.api_bytes + n * MB // 4, look.store_bytes, look.files, look.threads, look.workers) for n, look in enumerate(seen.looks)]


def store_leaks(seen: Seen) -> None:
    seen.looks = [Held(look.api_bytes, look.store_bytes + n * MB // 10, look.files, look.threads, look.workers) for n, look in enumerate(seen.looks)]


def opens_files(seen: Seen) -> None:
    seen.looks = [Held(look.api_bytes, look.store_bytes, look.files + n // 10, look.threads, look.workers) for n, look in enumerate(seen.looks)]


def starts_threads(seen: Seen) -> None:
    seen.looks = [Held(look.api_bytes, look.store_bytes, look.files, look.threads + n // 10, look.workers) for n, look in enumerate(seen.looks)]


def loses_a_worker(seen: Seen) -> None:
    seen.looks[-1] = Held(120 * MB, 13 * MB, 40, 12, (10,))


def fails_once(seen: Seen) -> None:
    seen.parts[3].failed.append("/recommend/ann: 500 b''")


def is_short_once(seen: Seen) -> None:
    seen.parts[3].short = 1


def loses_a_connection(seen: Seen) -> None:
    seen.parts.pop()


def fails_an_export(seen: Seen) -> None:
    seen.exports[2] = 1


def keeps_bundles(seen: Seen) -> None:
    seen.bundles[-1] = 6


def leaves_something(seen: Seen) -> None:
    seen.leftovers.append("data/releases/.r4.tmp")


@pytest.mark.parametrize(
    "trouble",
    [
        leaks, store_leaks, opens_files, starts_threads, loses_a_worker, fails_once, is_short_once, loses_a_connection, fails_an_export, keeps_bundles,
        leaves_something,
    ],
)  # fmt: skip
def test_each_trouble_is_found_and_named(trouble: Callable[[Seen], None], capsys: pytest.CaptureFixture[str]) -> None:
    seen = held_well()
    trouble(seen)
    assert verdict(seen) == 1
    assert capsys.readouterr().out.count("NOT HELD: ") == 1
