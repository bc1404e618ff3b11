"""Every key, spelled once.

A user's list is two keys: a ZSET of raw item ids with scores n..1 by place, and one byte an item that says where it came from. With at most 128 ids of at most
64 bytes the ZSET stays compact under the server's defaults (``zset-max-listpack-entries 128``, ``zset-max-listpack-value 64``; asked, never changed).
"""

from __future__ import annotations

import re

HOT = b"global_hot"
"""ZSET: raw item id -> global_score."""
RELEASE = b"homefeed:release"
"""The release record as JSON."""
RELEASE_ID = b"homefeed:release:id"
"""The release's id alone: read with every list, so without parsing a record."""
MARK = b"homefeed:mark"
"""Whose database this is, and what for (``marks.Mark``)."""
LOCK = b"homefeed:lock"
"""In a target: who writes there right now (``hold.Holder``); it runs out when its holder dies."""
HEARTBEAT = b"homefeed:heartbeat"
"""In a database that is being filled: its writer's token; it runs out when the writer dies."""
PASSING = (LOCK, HEARTBEAT)
"""Keys that go by themselves."""

_LIST = re.compile(rb"(?:recall|source):\d+")
_OTHERS = (HOT, RELEASE, RELEASE_ID, MARK, *PASSING)


def recall(user_slot: int) -> bytes:
    return b"recall:%d" % user_slot


def source(user_slot: int) -> bytes:
    return b"source:%d" % user_slot


def is_ours(key: bytes) -> bool:
    """Whether we (or the system whose keys we keep) write such a key; any other is never touched."""
    return key in _OTHERS or _LIST.fullmatch(key) is not None
