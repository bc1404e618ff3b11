"""Reads on the request path: one round trip, one deadline, no retry behind the caller's back."""

from __future__ import annotations

from typing import Any

import redis
from redis.exceptions import RedisError

from homefeed.core.release import Release
from homefeed.store import keys
from homefeed.store.base import ListRead
from homefeed.store.databases import parse_release
from homefeed.store.wire import no_answer


class RedisReader:
    """``ReleaseReader`` over Redis or Valkey; threads may share it.

    Each read borrows a connection from the pool, which opens one anew where the server has hung up. ``client`` answers in bytes over RESP2
    (``connection.connect`` makes such a one); ``name`` is what the user calls the server.
    """

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._pool = client.connection_pool
        self._name = name
        self._db: int = client.get_connection_kwargs()["db"]

    def read_list(self, user_slot: int, size: int, db: int | None = None) -> ListRead:
        """The release id and the first ``size`` (from 1) ids of a list in one MULTI, so that they always belong together."""
        read = _packed_read(user_slot, size)
        if db is None:
            release_id, item_ids, sources = self._replies(read, 5)[-1]
        else:
            there, back = (_packed(b"SELECT", b"%d" % number) for number in (db, self._db))
            release_id, item_ids, sources = self._replies(there + read + back, 7)[-2]
        return ListRead(release_id.decode() if release_id else None, item_ids, (sources or b"")[:size])

    def read_release(self) -> Release | None:
        return parse_release(self._replies(_packed(b"GET", keys.RELEASE), 1)[0], self._name)

    def _replies(self, packed: bytes, count: int) -> list[Any]:
        try:
            connection: Any = self._pool.get_connection()
            try:
                connection.send_packed_command([packed], check_health=False)
                return [_without_errors(connection.read_response()) for _ in range(count)]
            except BaseException:
                connection.disconnect()  # replies may still be on their way: they must not answer the next request
                raise
            finally:
                self._pool.release(connection)
        except RedisError as error:
            raise no_answer(self._name, error) from error


def _without_errors(reply: Any) -> Any:
    for part in reply if isinstance(reply, list) else ():
        if isinstance(part, RedisError):
            raise part
    return reply


def _packed_read(user_slot: int, size: int) -> bytes:
    a_list = _packed(b"ZREVRANGE", keys.recall(user_slot), b"0", b"%d" % (size - 1))
    return b"".join((_MULTI_AND_ID, a_list, _packed(b"GET", keys.source(user_slot)), _EXEC))


def _packed(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%s\r\n" % (len(word), word) for word in words])


_MULTI_AND_ID = _packed(b"MULTI") + _packed(b"GET", keys.RELEASE_ID)
_EXEC = _packed(b"EXEC")
