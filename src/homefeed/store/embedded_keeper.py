"""The process that owns the embedded Valkey server: it starts it, and ends it when its last user is gone, however that user went.

Run as a file (``python embedded_keeper.py FOLDER SERVER``) by the first user; standard library only, so that it stays small. It works in FOLDER:

``users.lock``   every user holds it shared (flock) for as long as it lives; the keeper gets it exclusively when nobody is left
``keeper.lock``  a keeper holds it exclusively: one keeper a folder
``server.lock``  goes with the server process, whose number it holds, so that none is started beside one that is still ending
``valkey.sock``  where the server listens, and nowhere else; ``dump.rdb``: its data; ``valkey.log``: what it said

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
from contextlib import suppress
from pathlib import Path

USERS, KEEPER, SERVER, SOCKET, LOG = "users.lock", "keeper.lock", "server.lock", "valkey.sock", "valkey.log"
_POLL_SECONDS = 0.1
_STOP_SECONDS = 15.0
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_SETTINGS = f"""\
port 0
unixsocket {SOCKET}
unixsocketperm 700
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
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    if try_lock(Path(KEEPER)) is None:
        _tell(tell, b"2")
    else:
        _keep(program, lambda: _tell(tell, b"0"))
    return 0


def answers(path: str) -> bool:
    """Whether a server that is ready answers at this socket."""
    return _say(path, b"PING\r\n") == b"+PONG\r\n"


def lock(path: Path, kind: int) -> int:
    """A descriptor that holds the lock for as long as it is open. Raises ``BlockingIOError`` where ``kind`` has LOCK_NB and another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def try_lock(path: Path) -> int | None:
    """The lock, exclusively; None where another holds it."""
    try:
        return lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def _tell(pipe: int, status: bytes) -> None:
    """Whoever started us may be gone: killed, or long since content."""
    with suppress(BrokenPipeError):
        os.write(pipe, status)


def _keep(program: str, tell: Callable[[], object]) -> None:
    """Until the last user is gone; a server that crashes is started again."""
    while server := _started(program):
        tell()
        try:
            while server.poll() is None:
                if try_lock(Path(USERS)) is not None:
                    return
                time.sleep(_POLL_SECONDS)
        finally:
            _stop(server)


def _started(program: str) -> subprocess.Popen[bytes] | None:
    """A server that answers; None when it does not come up."""
    alone = _wait_for_the_one_before()
    if alone is None:
        return None
    _clean_up()
    server = _launch(program, alone)
    os.ftruncate(alone, 0)
    os.write(alone, b"%d" % server.pid)
    os.close(alone)
    while server.poll() is None:
        if answers(SOCKET):
            return server
        time.sleep(0.01)
    return None


def _wait_for_the_one_before() -> int | None:
    """The server lock, once a server whose keeper was killed has saved and ended; one that hangs is killed in the end: what was published is on disk."""
    deadline = time.monotonic() + _STOP_SECONDS
    while (descriptor := try_lock(Path(SERVER))) is None and time.monotonic() < deadline:
        _say(SOCKET, b"SHUTDOWN SAVE\r\n")
        time.sleep(_POLL_SECONDS)
    return descriptor or _after_killing_it()


def _after_killing_it() -> int | None:
    """Its number stands in the file that it holds locked, so it is still the one."""
    with suppress(OSError, ValueError):
        os.kill(int(Path(SERVER).read_bytes()), signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    return try_lock(Path(SERVER))


def _clean_up() -> None:
    """What a server that was killed while it saved left behind."""
    for half in Path().glob("temp-*.rdb"):
        half.unlink(missing_ok=True)


def _launch(program: str, server_lock: int) -> subprocess.Popen[bytes]:
    settings, pipe = os.pipe()
    os.write(pipe, _SETTINGS.encode())
    os.close(pipe)
    with os.fdopen(settings) as stdin, Path(LOG).open("ab") as log:
        return subprocess.Popen([program, "-"], stdin=stdin, stdout=log, stderr=log, pass_fds=[server_lock], preexec_fn=_die_with_this_process())


def _die_with_this_process() -> Callable[[], None] | None:
    """On Linux the server gets SIGTERM (save and end) when its keeper is killed, were it in this very moment; elsewhere the next keeper ends it."""
    if sys.platform != "linux":
        return None
    prctl, keeper = ctypes.CDLL(None).prctl, os.getpid()

    def in_the_child() -> None:
        prctl(_DIE_WITH_PARENT, signal.SIGTERM)
        if os.getppid() != keeper:
            os._exit(1)

    return in_the_child


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Save and end. A server that cannot save (its folder is gone, the disk is full) is killed: what was published is on disk already."""
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _say(path: str, command: bytes) -> bytes:
    """The first bytes of the answer; none when nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(path)
            connection.sendall(command)
            return connection.recv(64)
        except OSError:
            return b""


def _leave(number: int, frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
