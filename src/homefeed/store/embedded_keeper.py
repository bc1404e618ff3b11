"""The process that owns the embedded Valkey server: it starts it, and ends it when its last user is gone, however that user went.

Run as a file (``python embedded_keeper.py FOLDER SERVER``), by the first user; standard library only, so that it stays small. It works in FOLDER:

``users.lock``    every user holds it shared (flock) for as long as it lives; the keeper gets it exclusively when nobody is left
``keeper.lock``   the keeper holds it exclusively: one keeper a folder
``password``      for this folder's server, 0600
``port``          where the server listens on loopback; kept from start to start, so that a client finds it again
``dump.rdb``      the data;  ``valkey.log``  what the server said

Exit status of the started process: 0 when the server answers, 1 when it does not come up (the log says why), 2 when another keeper is (still) there.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HOST = "127.0.0.1"
USERS, KEEPER, PASSWORD, PORT, LOG = "users.lock", "keeper.lock", "password", "port", "valkey.log"
_POLL_SECONDS = 0.1
_STOP_SECONDS = 15.0
_STARTS = 3
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_SETTINGS = """\
databases 16
save ""
appendonly no
shutdown-on-sigterm save
loglevel warning
"""


def main(folder: Path, program: str) -> int:
    """Leave a keeper behind and return once its server answers."""
    os.chdir(folder)
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        return int(os.read(ready, 1) or b"1")
    os.close(ready)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    if is_free(Path(KEEPER)):
        _keep(program, lambda: os.write(tell, b"0"))
    else:
        os.write(tell, b"2")
    return 0


def answers(port: int, password: str) -> bool:
    """Whether the server that knows ``password`` answers at ``port``."""
    return _say(port, f"AUTH {password}\r\nPING\r\n") == b"+OK\r\n+PONG\r\n"


def known_port(folder: Path) -> int:
    """Where the folder's server listens, or did; 0 before its first start."""
    try:
        return int((folder / PORT).read_text())
    except FileNotFoundError:
        return 0


def lock(path: Path, kind: int) -> int:
    """A descriptor that holds the lock for as long as it is open. Raises ``BlockingIOError`` where ``kind`` has LOCK_NB and another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock; if so, this process does from now on."""
    try:
        lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep(program: str, tell: Callable[[], object]) -> None:
    """Until the last user is gone; a server that crashes is started again."""
    password = Path(PASSWORD).read_text()
    _retire_orphan(password)
    while server := _started(program, password):
        tell()
        try:
            while server.poll() is None:
                if is_free(Path(USERS)):
                    return
                time.sleep(_POLL_SECONDS)
        finally:
            _stop(server)


def _started(program: str, password: str) -> subprocess.Popen[bytes] | None:
    """A server that answers, at the port of last time where that is free."""
    for port in (known_port(Path()), *[0] * _STARTS):
        port = port or _free_port()
        server = _launch(program, port, password)
        while server.poll() is None:
            if answers(port, password):
                Path(PORT).write_text(str(port))
                return server
            time.sleep(0.01)
    return None


def _launch(program: str, port: int, password: str) -> subprocess.Popen[bytes]:
    """The settings go in by a pipe, so that the password is on no command line and in no second file."""
    settings, pipe = os.pipe()
    os.write(pipe, f"bind {HOST}\nport {port}\nrequirepass {password}\n{_SETTINGS}".encode())
    os.close(pipe)
    with os.fdopen(settings) as stdin, Path(LOG).open("ab") as log:
        return subprocess.Popen([program, "-"], stdin=stdin, stdout=log, stderr=log, preexec_fn=_die_with_this_process())


def _die_with_this_process() -> Callable[[], None] | None:
    """On Linux the server gets SIGTERM (save and end) when its keeper is killed; elsewhere the next keeper finds and ends it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def _retire_orphan(password: str) -> None:
    """End a server whose keeper was killed."""
    deadline = time.monotonic() + _STOP_SECONDS
    while (port := known_port(Path())) and answers(port, password) and time.monotonic() < deadline:
        _say(port, f"AUTH {password}\r\nSHUTDOWN SAVE\r\n")
        time.sleep(_POLL_SECONDS)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Save and end. A server that cannot save (its folder is gone, the disk is full) is killed: what was published is on disk already."""
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _say(port: int, commands: str) -> bytes:
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(commands.encode())
            return connection.makefile("rb").read(12)
    except OSError:
        return b""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _leave(number: int, frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
