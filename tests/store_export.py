"""Exports a release and says on the way where it is: for tests that kill it, or run two.

``python store_export.py ADDRESS NUMBER USERS``: ADDRESS is JSON of kind, host, port, folder.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

from store_cases import HOT, SHOP, a_release, lists_of

from homefeed.core.errors import HomefeedError
from homefeed.store.connection import connect
from homefeed.store.location import StoreLocation


def say(stage: str) -> None:
    sys.stdout.write(f"{stage}\n")
    sys.stdout.flush()


def main(address: str, number: int, users: int) -> None:
    kind, host, port, folder = json.loads(address)
    with connect(StoreLocation(kind, 1, host, port, Path(folder)), 5.0) as store, closing(store.writer(SHOP)) as writer:
        say("begin")
        writer.begin()
        say("stage")
        writer.stage(a_release(number), lists_of(number, range(1, users + 1)), HOT)
        say("publish")
        writer.publish()
        say("published")
    say("closed")


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    except HomefeedError as error:
        sys.exit(f"Error: {error}")
