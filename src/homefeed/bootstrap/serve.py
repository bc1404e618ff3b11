"""The API as processes: Flask under Granian, started, watched and ended. What a worker does is in ``worker.py``."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from granian.server.common import AbstractServer

from homefeed.config import ApiConfig, Config
from homefeed.core.errors import HomefeedError
from homefeed.store.connection import connect

logger = logging.getLogger(__name__)

_THREADS = 4
_KILL_SECONDS = 10
_CONNECTIONS, _OTHER_FILES = 8192, 256
"""Open ones a worker may hold: many that say nothing must not keep others out. Beside them it has files: store, logs, counters, bundles."""
_HEADER_MILLISECONDS, _HEAD_BYTES = 30_000, 128 * 1024
_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
_COUNTERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""One in a worker, unless somebody said otherwise: its products are small, and threads that wait for each other cost `recent` 8 ms in place of 1.4."""
_LOGGING: dict[str, Any] = {
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "loggers": {
        "homefeed": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "_granian": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


class PortTakenError(HomefeedError):
    """The API cannot listen where it should."""


def run_server(config: Config, redis_named: bool) -> None:
    """Serve until SIGINT or SIGTERM: requests that run are answered first. Raises ``HomefeedError`` when it cannot start."""
    os.environ.setdefault(_BLAS_THREADS, "1")
    with _folder_for_counters() as counters:
        from homefeed.bootstrap.worker import ready_app, refuse_bad_settings  # here: the metrics library looks for that folder when it is imported

        location = refuse_bad_settings(config, redis_named)
        address, port = _free_place(config.api)
        with connect(location, config.redis.timeout_ms / 1000, config.redis):  # an embedded store that does not start is said here, and outlives the workers
            server = _server(config.api.workers, address, port)  # sets up logging
            _say_who_may_ask(config.api, port)
            server.serve(target_loader=partial(ready_app, config, location, port, os.getpid(), counters), wrap_loader=False)


def _server(workers: int, address: str, port: int) -> AbstractServer[Any]:
    return Server(
        "homefeed.wsgi:app",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=workers,
        blocking_threads=_THREADS,
        backpressure=_room_for_connections(),
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEAD_BYTES),
        respawn_failed_workers=True,
        workers_kill_timeout=_KILL_SECONDS,
        log_dictconfig=_LOGGING,
        log_level=LogLevels.warning,
    )


def _room_for_connections() -> int:
    """As far as the system lets this process have open files, which is often no further than 1,024 until one asks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - _OTHER_FILES, _OTHER_FILES)


def _say_who_may_ask(api: ApiConfig, port: int) -> None:
    if not api.token.get_secret_value():
        every = " (every interface of this machine)" if _is_everywhere(api.host) else ""
        logger.warning("The API is open: whoever reaches %s:%d%s may ask for anybody's slate. To ask for a token: RECSYS_API_TOKEN", api.host, port, every)


def _is_everywhere(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return not host


@contextmanager
def _folder_for_counters() -> Iterator[Path]:
    """Where workers keep their counters, so that any of them can tell the sum; private, and in memory where the system has such a place:
    a full disk must not end a worker that counts.
    """
    place = _MEMORY_DISK if os.access(_MEMORY_DISK, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="homefeed-counters-", dir=place))
    os.environ[_COUNTERS_FOLDER] = str(folder)
    try:
        yield folder
    finally:
        del os.environ[_COUNTERS_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


def _free_place(api: ApiConfig) -> tuple[str, int]:
    """Where to listen: a name as its address, a free port for 0. Granian takes no names, and shares a port that is taken (SO_REUSEPORT); we say so instead."""
    family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((api.host, api.port))
        except (OSError, UnicodeError) as error:
            raise PortTakenError(
                f"The API cannot listen on {api.host}:{api.port}: {getattr(error, 'strerror', None) or error}",
                next_step="Stop what listens there, or choose another port: RECSYS_API_PORT=8001",
            ) from None
        address, port, *_ = probe.getsockname()
    return str(address), int(port)
