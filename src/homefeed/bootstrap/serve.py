"""The API as a process: Flask under Granian, started, watched and ended."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from functools import partial
from threading import Thread
from typing import Any

from flask import Flask
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from homefeed.bootstrap.application import assemble, store_of
from homefeed.config import ApiConfig, Config
from homefeed.core.errors import HomefeedError
from homefeed.store.connection import connect
from homefeed.store.location import StoreLocation

logger = logging.getLogger(__name__)

_THREADS = 4
_KILL_SECONDS = 10
_STARTER_CHECK_SECONDS = 0.5
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
    """Serve until SIGINT or SIGTERM: Flask under Granian, one worker process. Raises ``HomefeedError`` when it cannot start."""
    location = store_of(config, redis_named)
    port = _free_port(config.api)
    with connect(location, config.redis.timeout_ms / 1000, config.redis):  # an embedded store that does not start is said here, and outlives the worker
        server = Server(
            "homefeed.wsgi:app",
            address=config.api.host,
            port=port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=_THREADS,
            workers_kill_timeout=_KILL_SECONDS,
            log_dictconfig=_LOGGING,
            log_level=LogLevels.warning,
        )
        server.serve(target_loader=partial(_ready_app, config, location, port, os.getpid()), wrap_loader=False)


def _ready_app(config: Config, location: StoreLocation, port: int, starter: int) -> Flask:
    """Runs in the worker: the release is in memory before the first request is taken.

    Until Granian sets its own handlers, a forked worker has those of its starter, which only note a signal: it would be deaf to SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the starter too, which ends us
    Thread(target=_end_after, args=(starter,), name="starter-watcher", daemon=True).start()
    parts = assemble(config, location)
    parts.watcher.ensure_running()
    release = parts.releases.current()
    if release is None:
        logger.warning("No release yet: answers are 503 until there is one. Publish it: homefeed export")
    else:
        if release.ranker.failure is None:
            logger.info("RankService initialized")
        logger.info("Serving release %s, lists from %s", release.id, location)
    logger.info("Flask app listening on http://%s:%d (Granian, process %d)", config.api.host, port, os.getpid())
    return parts.app


def _end_after(starter: int) -> None:
    """Granian's worker outlives a starter that is killed, and would keep the port and the embedded store."""
    while os.getppid() == starter:
        time.sleep(_STARTER_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _free_port(api: ApiConfig) -> int:
    """The port to listen on, a free one for 0. Granian shares a port that is taken (SO_REUSEPORT); we say so instead."""
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
        return int(probe.getsockname()[1])
