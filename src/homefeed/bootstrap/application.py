"""The application that answers requests, put together: settings to store, releases, pipeline, telemetry, routes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from prometheus_client import CollectorRegistry

from homefeed.api.app import create_app
from homefeed.api.exposition import WorkerState, exposition
from homefeed.api.guard import Access, token_bytes
from homefeed.api.rotating_file import RotatingFile
from homefeed.api.services import Services
from homefeed.api.slate_log import SlateLog
from homefeed.api.telemetry import Telemetry
from homefeed.api.warm_up import WarmUp
from homefeed.config import Config
from homefeed.serving.breaker import CircuitBreaker
from homefeed.serving.health import Health, check_health
from homefeed.serving.holder import ReleaseHolder
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.watcher import ReleaseWatcher
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation, resolve_store

COUNTERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Variable of the prometheus_client library, read when it is imported: where several processes keep their counters."""
_SLATE_LOG_BYTES, _SLATE_LOG_FILES = 256 * 2**20, 8


@dataclass(frozen=True, slots=True)
class Parts:
    app: Flask
    store: Store
    releases: ReleaseHolder
    watcher: ReleaseWatcher
    telemetry: Telemetry
    warm_up: WarmUp


def build_app(config: Config, location: StoreLocation) -> Flask:
    """The application. Nothing is loaded and no thread runs before the first request, so that a server may fork after this."""
    return assemble(config, location).app


def store_of(config: Config, redis_named: bool) -> StoreLocation:
    """Where this API reads, decided once. Raises ``StoreError``."""
    return resolve_store(config.redis, redis_named, config.paths.store_file)


def access_of(config: Config) -> Access:
    """Raises ``ConfigError`` where the token cannot be one."""
    return Access(token_bytes(config.api.token.get_secret_value()), config.cors_origins)


def slate_file(config: Config) -> RotatingFile | None:
    """Raises ``LogFileError`` where it cannot be written."""
    return RotatingFile(config.slate_log, _SLATE_LOG_BYTES, _SLATE_LOG_FILES) if config.slate_log else None


def assemble(config: Config, location: StoreLocation) -> Parts:
    store = connect(location, config.redis.timeout_ms / 1000, config.redis)
    reader = store.reader()
    breaker = CircuitBreaker(reader)
    releases = ReleaseHolder(config.paths.releases, reader)
    watcher = ReleaseWatcher(releases, breaker, store.revive)

    def health() -> Health:
        return check_health(breaker, releases, datetime.now(UTC), config.max_release_age)

    pipeline = standard_pipeline(breaker, releases)
    warm_up = WarmUp(pipeline)
    folder = _folder_of_counters()
    telemetry = Telemetry(CollectorRegistry())
    log = slate_file(config)
    slate_log = SlateLog(log, telemetry.logged) if log else None
    metrics = _metrics(telemetry, folder, releases, breaker)
    services = Services(pipeline, health, watcher.ensure_running, warm_up.is_done, telemetry, metrics, slate_log)
    return Parts(create_app(services, access_of(config)), store, releases, watcher, telemetry, warm_up)


def _folder_of_counters() -> Path | None:
    """Made anew where somebody has cleaned it away, or a worker that is started again could not count."""
    name = os.environ.get(COUNTERS_FOLDER)
    if not name:
        return None
    Path(name).mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(name)


def _metrics(telemetry: Telemetry, folder: Path | None, releases: ReleaseHolder, breaker: CircuitBreaker) -> Callable[[], bytes]:
    def metrics() -> bytes:
        current = releases.current()
        worker = WorkerState(current.bundle.release if current else None, breaker.is_open)
        return exposition(telemetry.registry, folder, worker, datetime.now(UTC))

    return metrics
