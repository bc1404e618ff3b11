"""The API's composition root: settings to store, releases, pipeline, application, server."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from typing import Any

from flask import Flask
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from homefeed.api.app import create_app
from homefeed.api.services import Services
from homefeed.config import ApiConfig, Config
from homefeed.core.errors import HomefeedError
from homefeed.serving.health import Health, check_health
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.releases import ReleaseHolder
from homefeed.serving.watcher import ReleaseWatcher
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation, resolve_store

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


@dataclass(frozen=True, slots=True)
class _Parts:
    app: Flask
    store: Store
    releases: ReleaseHolder
    watcher: ReleaseWatcher


def build_app(config: Config, location: StoreLocation) -> Flask:
    """The application. Nothing is loaded and no thread runs before the first request, so that a server may fork after this."""
    return _assemble(config, location).app


def store_of(config: Config, redis_named: bool) -> StoreLocation:
    """Where this API reads, decided once. Raises ``StoreError``."""
    return resolve_store(config.redis, redis_named, config.paths.store_file)


def run_server(config: Config, redis_named: bool) -> None:
    """Serve until SIGINT or SIGTERM: Flask under Granian, one worker process. Raises ``HomefeedError`` when it cannot start."""
    location = store_of(config, redis_named)
    port = _free_port(config.api)
    with connect(location, _timeout_seconds(config), config.redis):  # an embedded store that does not start is said here, and outlives the worker
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
    parts = _assemble(config, location)
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


def _assemble(config: Config, location: StoreLocation) -> _Parts:
    store = connect(location, _timeout_seconds(config), config.redis)
    reader = store.reader()
    releases = ReleaseHolder(config.paths.releases, reader)
    watcher = ReleaseWatcher(releases)

    def health() -> Health:
        return check_health(reader, releases, datetime.now(UTC), config.max_release_age)

    services = Services(standard_pipeline(reader, releases), health, watcher.ensure_running)
    return _Parts(create_app(services, config.cors_origins), store, releases, watcher)


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


def _timeout_seconds(config: Config) -> float:
    return config.redis.timeout_ms / 1000
