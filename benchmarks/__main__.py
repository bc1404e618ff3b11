"""``python -m benchmarks [--quick]``: make a shop, measure every step on it, print a table, keep the figures as one JSON line."""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from benchmarks.api import measure_api
from benchmarks.figures import Figures
from benchmarks.history import append
from benchmarks.machine import busy, describe
from benchmarks.pipeline import measure_pipeline
from benchmarks.plan import DEMO, QUICK, Plan
from benchmarks.process import Workplace, helper
from benchmarks.store import wait_for_store
from benchmarks.table import print_table
from homefeed.core.errors import HomefeedError


def main() -> int:
    """Exit code 0: measured, 1: something that was measured failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Seconds, memory and latency of every step on a made-up shop.")
    parser.add_argument("--quick", action="store_true", help="a small shop, under a minute: to see that all of it works")
    plan = QUICK if parser.parse_args().quick else DEMO
    signal.signal(signal.SIGTERM, _leave)  # so that what was started is ended
    machine = describe(datetime.now(UTC))
    if note := busy(machine):
        print(note)
    try:
        with TemporaryDirectory(prefix="homefeed-bench-") as folder:
            place = Workplace(Path(folder))
            try:
                figures = _measure(plan, place)
            finally:
                wait_for_store(place)
    except HomefeedError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    print_table(machine, figures)
    print(f"\nkept in {append(machine, figures)}")
    return 0


def _measure(plan: Plan, place: Workplace) -> Figures:
    print(f"making the {plan.shop} shop in {place.folder}", flush=True)
    shop = helper(place, "benchmarks.shop", str(place.folder), plan.shop)
    steps = measure_pipeline(place, shop["impressions"], shop["users"])
    api, load = measure_api(place, plan)
    print("scoring", flush=True)
    scoring = helper(place, "benchmarks.scoring", str(place.folder), str(plan.scored_requests))
    return Figures.of(shop, steps, api, load, scoring)


def _leave(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
