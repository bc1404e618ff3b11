"""A request as its bytes came in, checked."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Request as HttpRequest
from werkzeug.datastructures import MultiDict

from homefeed.api.errors import BadRequestError
from homefeed.core.ids import decode_id
from homefeed.core.slate import Request

REQUEST_ID = "X-Request-ID"
MAX_REQUEST_ID = 128
REQUEST_ID_FORM = f"[A-Za-z0-9._-]{{1,{MAX_REQUEST_ID}}}"
MAX_OFFSET = 10_000
RECENT = "recent"
RESERVED = ("top_k", "offset", RECENT)
"""Names that cannot be a tag's in a request."""

_NUMBER = re.compile(r"[0-9]{1,9}")
_REQUEST_ID = re.compile(REQUEST_ID_FORM)


@dataclass(frozen=True, slots=True)
class FeedRoute:
    """``name``: first word of the path. ``top_k``: asked for where the request does not say, and the most it may say."""

    name: str
    default_top_k: int
    max_top_k: int


RECALL = FeedRoute("recall", 50, 500)
RECOMMEND = FeedRoute("recommend", 10, 100)


def read_request(http: HttpRequest, route: FeedRoute, request_id: str) -> Request:
    """Query parameters beside those of ``RESERVED`` may be a guest's tags. Raises ``BadRequestError``."""
    uid = _uid(http, route.name)
    top_k = _number(http.args, "top_k", route.default_top_k, 1, route.max_top_k)
    offset = _number(http.args, "offset", 0, 0, MAX_OFFSET)
    return Request(request_id, uid, top_k, offset, _tags(http.args), tuple(http.args.getlist(RECENT)))


def request_id_of(http: HttpRequest) -> str:
    """The client's, where it is one; else a new one."""
    sent = http.headers.get(REQUEST_ID, "")
    return sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)


def _uid(http: HttpRequest, first_word: str) -> str:
    """From the path's raw bytes, decoded once by the server; a framework would have replaced what is not UTF-8. Routing ignores extra leading slashes."""
    raw = http.environ["PATH_INFO"].encode("latin-1").lstrip(b"/")[len(first_word) + 1 :]
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
    return {name: tuple(values) for name, values in args.lists() if name not in RESERVED}
