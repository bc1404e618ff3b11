"""Where a server listens and how one logs in: the only place that unwraps the password."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from homefeed.config import RedisConfig
from homefeed.core.errors import StoreError
from homefeed.store.location import StoreLocation
from homefeed.store.packing import command


@dataclass(frozen=True, slots=True)
class Address:
    """``name``: what the user calls the server. ``timeout_seconds``: how long an answer may take. ``path``: of a Unix socket, else ``host`` and ``port``.

    ``login``: the bytes of an AUTH, none where there is no login. ``tls`` verifies the server's certificate and name.
    """

    name: str
    db: int
    timeout_seconds: float
    path: str = ""
    host: str = ""
    port: int = 0
    username: str = ""
    login: bytes = field(default=b"", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


def redis_address(location: StoreLocation, timeout_seconds: float, config: RedisConfig) -> Address:
    """Raises ``StoreError`` when the authority's certificate cannot be read."""
    password = config.password.get_secret_value()
    login = command(b"AUTH", *filter(None, (config.username, password))) if password else b""
    if config.username and not password:
        login = command(b"AUTH", config.username, b"")
    return Address(
        str(location), location.db, timeout_seconds, host=location.host, port=location.port, username=config.username, login=login,
        tls=_tls(config.tls_ca_file) if config.tls else None,
    )  # fmt: skip


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # a broken file is one too
        what = f"The certificate of the authority in {ca_file} cannot be read: {error.strerror or error}"
        raise StoreError(what, expected="a PEM file", next_step="Set RECSYS_REDIS_TLS_CA_FILE") from None
