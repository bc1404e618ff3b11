"""The application that answers requests, put together: settings to store, releases, pipeline, routes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask

from homefeed.api.app import create_app
from homefeed.api.services import Services
from homefeed.config import Config
from homefeed.serving.breaker import CircuitBreaker
from homefeed.serving.health import Health, check_health
from homefeed.serving.holder import ReleaseHolder
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.watcher import ReleaseWatcher
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation, resolve_store


@dataclass(frozen=True, slots=True)
class Parts:
    app: Flask
    store: Store
    releases: ReleaseHolder
    watcher: ReleaseWatcher


def build_app(config: Config, location: StoreLocation) -> Flask:
    """The application. Nothing is loaded and no thread runs before the first request, so that a server may fork after this."""
    return assemble(config, location).app


def store_of(config: Config, redis_named: bool) -> StoreLocation:
    """Where this API reads, decided once. Raises ``StoreError``."""
    return resolve_store(config.redis, redis_named, config.paths.store_file)


def assemble(config: Config, location: StoreLocation) -> Parts:
    store = connect(location, config.redis.timeout_ms / 1000, config.redis)
    reader = store.reader()
    breaker = CircuitBreaker(reader)
    releases = ReleaseHolder(config.paths.releases, reader)
    watcher = ReleaseWatcher(releases, breaker, store.revive)

    def health() -> Health:
        return check_health(breaker, releases, datetime.now(UTC), config.max_release_age)

    services = Services(standard_pipeline(breaker, releases), health, watcher.ensure_running)
    return Parts(create_app(services, config.cors_origins), store, releases, watcher)
