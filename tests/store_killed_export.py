"""Stages 400 of 500 lists of release 3, says so and waits to be killed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from store_cases import HOT, SHOP, a_release, lists_of

from homefeed.store.base import UserList
from homefeed.store.connection import connect
from homefeed.store.location import StoreLocation


def half_of_the_lists() -> Iterator[UserList]:
    yield from lists_of(3, range(1, 401))
    sys.stdout.write("half\n")
    sys.stdout.flush()
    time.sleep(60)


if __name__ == "__main__":
    kind, host, port, folder = json.loads(sys.argv[1])
    with connect(StoreLocation(kind, 1, host, port, Path(folder)), 5.0) as store:
        store.writer(SHOP).stage(a_release(3), half_of_the_lists(), HOT)
