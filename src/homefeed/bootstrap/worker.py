"""One worker process of the API, from its fork to the first request it may take."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from pathlib import Path
from threading import Thread

from flask import Flask

from homefeed.bootstrap.application import Parts, access_of, assemble, slate_file, store_of
from homefeed.config import Config
from homefeed.store.location import StoreLocation

logger = logging.getLogger(__name__)

_STARTER_CHECK_SECONDS = 0.5
_RELEASE_CHECK_SECONDS = 0.5


def refuse_bad_settings(config: Config, redis_named: bool) -> StoreLocation:
    """What a worker could only die of is said before there is one. Raises ``HomefeedError``."""
    access_of(config)
    slate_file(config)
    return store_of(config, redis_named)


def ready_app(config: Config, location: StoreLocation, port: int, starter: int, counters: Path) -> Flask:
    """The release is in memory and a slate made before the first request is taken.

    Until Granian sets its own handlers, a forked worker has those of its starter, which only note a signal: it would be deaf to SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setpgid(0, 0)  # a terminal's Ctrl-C is for the starter alone, which ends us: a worker that is told twice may hang in Granian
    Thread(target=_end_after, args=(starter, counters), name="starter-watcher", daemon=True).start()
    parts = assemble(config, location)
    parts.telemetry.started()
    parts.watcher.ensure_running()
    if parts.warm_up.is_done():
        _say_what_is_served(parts, location)
    else:
        logger.warning("No release yet: answers are 503 until there is one. Publish it: homefeed export")
        Thread(target=_wait_for_a_release, args=(parts, location), name="first-release", daemon=True).start()
    logger.info("Flask app listening on http://%s:%d (Granian, process %d, worker %d)", config.api.host, port, starter, os.getpid())
    return parts.app


def _wait_for_a_release(parts: Parts, location: StoreLocation) -> None:
    while not parts.warm_up.is_done():
        time.sleep(_RELEASE_CHECK_SECONDS)
    _say_what_is_served(parts, location)


def _say_what_is_served(parts: Parts, location: StoreLocation) -> None:
    release = parts.releases.current()
    if release is None:
        return
    if release.ranker.failure is None:
        logger.info("RankService initialized")
    logger.info("Serving release %s, lists from %s", release.id, location)


def _end_after(starter: int, counters: Path) -> None:
    """Granian's worker outlives a starter that is killed, and would keep the port and the embedded store.

    A signal that arrives just as the main thread goes to sleep is noted and wakes nobody, so it is sent until this thread ends with its process.
    """
    while os.getppid() == starter:
        time.sleep(_STARTER_CHECK_SECONDS)
    shutil.rmtree(counters, ignore_errors=True)
    while True:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STARTER_CHECK_SECONDS)
