"""Who may ask: the token, where the shop has set one, and the pages that browsers may call from."""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from flask import Response, request

from homefeed.api.errors import UnauthorizedError
from homefeed.api.parameters import REQUEST_ID
from homefeed.core.errors import ConfigError

_PREFLIGHT_SECONDS = "600"
_SENDABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Access:
    """``token``: empty where everybody may ask. ``cors_origins``: pages that may call the API, ``*`` for all; none by default."""

    token: bytes = field(default=b"", repr=False)
    cors_origins: Collection[str] = ()


def token_bytes(secret: str) -> bytes:
    """Raises ``ConfigError`` where no client could send it."""
    if secret and not _SENDABLE.fullmatch(secret):
        raise ConfigError("RECSYS_API_TOKEN holds a character that cannot be sent in a header", expected="letters, digits and signs, without spaces")
    return secret.encode()


def require_token(token: bytes) -> None:
    """A preflight cannot carry one. Raises ``UnauthorizedError``."""
    if request.method != "OPTIONS" and not carries_token(token):
        raise UnauthorizedError


def carries_token(token: bytes) -> bool:
    """True as well where none is needed. The time it takes says nothing about how much of a wrong token was right."""
    if not token:
        return True
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return hmac.compare_digest(sent.strip().encode("utf-8", "replace"), token) and scheme.lower() == "bearer"


def allow_origin(response: Response, origins: Collection[str]) -> Response:
    origin = request.headers.get("Origin")
    response.vary.add("Origin")
    if origin and (origin in origins or "*" in origins):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = REQUEST_ID
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET"
            response.headers["Access-Control-Allow-Headers"] = f"Authorization, {REQUEST_ID}"
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    return response
