"""A request as its bytes came in, checked."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from flask import Request as HttpRequest
from werkzeug.datastructures import MultiDict

from homefeed.api.errors import BadRequestError
from homefeed.core.ids import decode_id
from homefeed.core.slate import Request

REQUEST_ID = "X-Request-ID"
MAX_OFFSET = 10_000

_NUMBER = re.compile(r"[0-9]{1,9}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def read_request(http: HttpRequest, prefix: str, default_top_k: int, max_top_k: int, request_id: str) -> Request:
    """``prefix``: the path before the uid, from its first word. Query parameters beside top_k and offset may be a guest's tags. Raises ``BadRequestError``."""
    uid = _uid(http, prefix)
    top_k = _number(http.args, "top_k", default_top_k, 1, max_top_k)
    offset = _number(http.args, "offset", 0, 0, MAX_OFFSET)
    return Request(request_id, uid, top_k, offset, _tags(http.args))


def request_id_of(http: HttpRequest) -> str:
    """The client's, where it is one; else a new one."""
    sent = http.headers.get(REQUEST_ID, "")
    return sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)


def _uid(http: HttpRequest, prefix: str) -> str:
    """From the path's raw bytes, decoded once by the server; a framework would have replaced what is not UTF-8. Routing ignores extra leading slashes."""
    raw = http.environ["PATH_INFO"].encode("latin-1").lstrip(b"/")[len(prefix) :]
    try:
        return decode_id(raw)
    except ValueError as error:
        raise BadRequestError("bad_uid", f"The uid cannot be read: {error}.") from None


def _number(args: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = args.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise BadRequestError(f"bad_{name}", f"{name} is {text[:40]!r}, expected a whole number from {low} to {high}.")
    return int(text)


def _tags(args: MultiDict[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in args.lists() if name not in ("top_k", "offset")}
