"""``python -m benchmarks.soak [--seconds N] [--store embedded|redis]``: a feed under steady load while a new release comes out every minute.

Exit code 0: no request failed, every export came through, and nothing that is held grew. A line is printed each minute, the verdict at the end.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from benchmarks.api import running_api
from benchmarks.machine import busy, describe
from benchmarks.pipeline import homefeed_steps, measure_steps
from benchmarks.process import Workplace, helper
from benchmarks.soak_run import HOST, MINUTE_SECONDS, Soak, soak
from benchmarks.soak_store import chosen_store
from benchmarks.soak_verdict import verdict
from benchmarks.store import wait_for_store
from homefeed.core.errors import HomefeedError

SHARE, CONNECTIONS, CAPACITY_SECONDS = 0.7, 8, 10.0
ROUTE = "/recommend/{uid}?top_k=10"


def main() -> int:
    """Exit code 0: held, 1: it did not, or something failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="The feed under steady load, with an export every minute.")
    parser.add_argument("--seconds", type=int, default=1200, help="how long the load is held (default: 20 minutes)")
    parser.add_argument("--store", choices=["embedded", "redis"], default="embedded", help="where the lists lie; redis: a redis-server of its own")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)  # so that what was started is ended
    if note := busy(describe(datetime.now(UTC))):
        print(note)
    try:
        with _workplace() as place:
            return _soak(place, given.seconds, given.store)
    except HomefeedError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


@contextmanager
def _workplace() -> Iterator[Workplace]:
    with TemporaryDirectory(prefix="homefeed-soak-") as folder:
        place = Workplace(Path(folder))
        try:
            yield place
        finally:
            wait_for_store(place)


def _soak(place: Workplace, seconds: int, store: str) -> int:
    minutes = max(round(seconds / MINUTE_SECONDS), 1)
    shop = helper(place, "benchmarks.shop", str(place.folder), "quick")
    with chosen_store(place, store) as server:
        measure_steps(place, homefeed_steps(shop["impressions"], shop["users"]))
        with running_api(place) as api:
            bounds = (str(CAPACITY_SECONDS), "1000000")
            full = helper(place, "benchmarks.load", f"{HOST}:{api.port}", ROUTE, str(place.visitors), str(CONNECTIONS), *bounds)
            rate = SHARE * full["requests_per_second"]
            print(
                f"capacity: {full['requests_per_second']:,.0f} requests/s over {CONNECTIONS} connections; holding {rate:,.0f}/s for {minutes} min", flush=True
            )
            seen = soak(Soak(place, api, server(), ROUTE, rate, CONNECTIONS, minutes))
    return verdict(seen)


def _leave(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
