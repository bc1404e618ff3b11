"""An export in a process of its own, killed at a moment of our choice, and what must be true afterwards."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store_cases import everything_in
from store_servers import Server

import homefeed

SCRIPT = Path(__file__).with_name("store_export.py")
KILLED_AT = {"begin": 0.03, "stage": 0.35, "publish": 0.02, "published": 0.01}
"""The stage that the export has reached, and within how many seconds after it the kill comes: before staging, among the lists, in the swap, right after."""


@contextmanager
def exporting(server: Server, number: int, users: int) -> Iterator[subprocess.Popen[str]]:
    """An export of release ``number`` that runs."""
    place = server.place
    address = json.dumps([place.kind, place.host, place.port, str(place.folder)])
    environment = os.environ | {"PYTHONPATH": str(Path(homefeed.__file__).parents[1])}
    command = [sys.executable, str(SCRIPT), address, str(number), str(users)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_one_export(server: Server, number: int, users: int, stage: str, chance: random.Random) -> bool:
    """Whether the release came to be live: all of it, or nothing at all."""
    before = everything_in(server, 1)
    with exporting(server, number, users) as process:
        reach(process, stage)
        time.sleep(chance.uniform(0, KILLED_AT[stage]))
        process.kill()
    after = everything_in(server, 1)
    if after == before:
        return False
    assert whole_release(server, number, users), f"killed after `{stage}`: the live database is neither as it was nor whole"
    return True


def reach(process: subprocess.Popen[str], stage: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == stage:
            return
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


def whole_release(server: Server, number: int, users: int) -> bool:
    """Whether the live database holds release ``number`` and nothing else: every list of 100 in order, and every one of the other keys."""
    client = server.admin(1)
    pipe = client.pipeline(transaction=False)
    for user in range(1, users + 1):
        pipe.zrevrange(f"recall:{user}", 0, -1)
    lists = pipe.execute()
    ids = [[b"r%d-u%d-%d" % (number, user, place) for place in range(100)] for user in range(1, users + 1)]
    others = {b"homefeed:release", b"homefeed:release:id", b"homefeed:mark", b"global_hot"}
    keys = {key for key in client.scan_iter(count=1000) if key != b"homefeed:lock"}
    expected = others | {b"%s:%d" % (kind, user) for kind in (b"recall", b"source") for user in range(1, users + 1)}
    return lists == ids and keys == expected and client.get("homefeed:release:id") == b"r%d" % number
