"""Reads on the request path: one round trip and one deadline for all of it, connecting and logging in included."""

from __future__ import annotations

import ssl
import time
from collections import deque
from typing import Any

import hiredis

from homefeed.core.release import Release
from homefeed.store import keys
from homefeed.store.address import Address
from homefeed.store.base import ListRead
from homefeed.store.complaints import FAILURES, FullError, no_answer, unreadable
from homefeed.store.databases import parse_release
from homefeed.store.line import Line
from homefeed.store.packing import command


class RedisReader:
    """``ReleaseReader`` over Redis or Valkey; threads may share it.

    Connections that proved good wait for the next read. After a failure none of them is trusted any more.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: deque[Line] = deque()

    def read_list(self, user_slot: int, size: int, db: int | None = None) -> ListRead:
        """The release id and the first ``size`` (from 1) ids of a list in one MULTI, so that they always belong together."""
        there, back = (b"", b"") if db is None else (command(b"SELECT", db), command(b"SELECT", self._address.db))
        try:
            replies = self._replies(there + _packed_read(user_slot, size) + back, 5 if db is None else 7)
            release_id, item_ids, sources = replies[-1 if db is None else -2]
        except FullError:
            replies = self._replies(there + _packed_read_of_a_full_server(user_slot, size) + back, 4 if db is None else 6)
            release_id, item_ids, sources = _of_one_release(replies if db is None else replies[1:-1])
        release_id, item_ids, sources = (None if isinstance(part, hiredis.ReplyError) else part for part in (release_id, item_ids, sources))
        return ListRead(release_id.decode(errors="replace") if release_id else None, item_ids or [], (sources or b"")[:size])

    def read_release(self) -> Release | None:
        record = self._replies(command(b"GET", keys.RELEASE), 1)[0]
        return parse_release(b"(no string)" if isinstance(record, hiredis.ReplyError) else record, self._address.name)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _replies(self, packed: bytes, count: int) -> list[Any]:
        deadline = time.monotonic() + self._address.timeout_seconds
        try:
            return self._from_idle(packed, count, deadline) or self._from(Line(self._address, deadline), packed, count, deadline)
        except FAILURES as error:
            self.close()
            raise no_answer(self._address, error) from error

    def _from_idle(self, packed: bytes, count: int, deadline: float) -> list[Any] | None:
        """None where no connection waits, or where the server has hung up on the one that did: it may be a new server, which answers the others no better."""
        try:
            return self._from(self._idle.pop(), packed, count, deadline)
        except IndexError:
            return None
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.close()
            return None

    def _from(self, line: Line, packed: bytes, count: int, deadline: float) -> list[Any]:
        """A connection goes back only after a clean answer: replies that are still on their way must not answer the next request.

        A key of another type than ours is somebody's mistake with that key, and no reason to call the server out.
        """
        try:
            replies = line.ask(packed, count, deadline)
            for reply in (*replies, *_parts(replies)):
                if isinstance(reply, hiredis.ReplyError) and not str(reply).startswith("WRONGTYPE"):
                    raise unreadable(self._address, reply)
        except BaseException:
            line.close()
            raise
        self._idle.append(line)
        return replies


def _parts(replies: list[Any]) -> list[Any]:
    """What a MULTI answered."""
    return [part for reply in replies if isinstance(reply, list) for part in reply]


def _packed_read(user_slot: int, size: int) -> bytes:
    a_list = command(b"ZREVRANGE", keys.recall(user_slot), 0, size - 1)
    return b"".join((_MULTI_AND_ID, a_list, command(b"GET", keys.source(user_slot)), _EXEC))


def _packed_read_of_a_full_server(user_slot: int, size: int) -> bytes:
    """A server without free memory queues nothing, so no MULTI: the id is read before and after the list instead."""
    release_id, in_multi = command(b"GET", keys.RELEASE_ID), _packed_read(user_slot, size)
    return release_id + in_multi.removeprefix(_MULTI_AND_ID).removesuffix(_EXEC) + release_id


def _of_one_release(replies: list[Any]) -> tuple[Any, Any, Any]:
    """Nothing where a swap came between: the list may be of either release."""
    before, item_ids, sources, after = replies
    return (before, item_ids, sources) if before == after else (after, [], None)


_MULTI_AND_ID = command(b"MULTI") + command(b"GET", keys.RELEASE_ID)
_EXEC = command(b"EXEC")
