"""The store of a soak: the embedded one, which needs nothing, or a redis-server of the soak's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.process import Workplace
from benchmarks.watch import server_in
from homefeed.core.errors import HomefeedError
from homefeed.store.location import StoreLocation, write_store_file

_HOST, _START_SECONDS = "127.0.0.1", 10.0


@contextmanager
def chosen_store(place: Workplace, kind: str) -> Iterator[Callable[[], int]]:
    """The id of the server's process, to be asked for once something uses it. Raises ``HomefeedError`` where there is no redis-server."""
    if kind == "embedded":  # named by the store file that benchmarks.shop wrote
        yield lambda: server_in(place.data / "store")
        return
    program = shutil.which("redis-server")
    if program is None:
        raise HomefeedError("redis-server is not installed", next_step="Install it, or soak the embedded store: make soak")
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = int(probe.getsockname()[1])
    words = [program, "--bind", _HOST, "--port", str(port), "--save", "", "--dir", str(place.folder)]
    with place.log("redis").open("w") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(port)
        write_store_file(place.data / "store.json", StoreLocation("redis", 1, _HOST, port))
        yield lambda: process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((_HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise HomefeedError("redis-server did not come up")
