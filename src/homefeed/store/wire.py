"""One connection of our own to one server: commands in order, and errors in the user's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from homefeed.core.errors import StoreError, StoreUnavailableError

Word = bytes | str | int | float


class RefusedError(StoreError):
    """The server answered, and said no."""


class Wire:
    """Speaks to one database at a time. ``name`` is what the user calls the server. Not for use by several threads."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self.name = name
        self._pool = client.connection_pool
        self._lost = False
        try:
            with unavailable(name):
                self._connection: Any = self._pool.get_connection()
        except ResponseError as error:
            raise RefusedError(f"{name} refused: {error}", expected="a Redis or Valkey that has the database and is no cluster") from error

    def ask(self, *command: Word) -> Any:
        """The server's reply. Raises ``RefusedError``."""
        return self.send(self.pack(*command), 1)

    def send(self, packed: bytes, replies: int) -> Any:
        """Send commands that are packed already; the last reply. Raises ``RefusedError`` for the first command that the server refused."""
        if self._lost:
            raise StoreUnavailableError(f"{self.name} hung up")  # never on a new connection: it would speak to another database
        refused: ResponseError | None = None
        reply: Any = None
        self._lost = True
        with unavailable(self.name):
            self._connection.send_packed_command([packed], check_health=False)
            for _ in range(replies):
                try:
                    reply = self._connection.read_response()
                except ResponseError as error:
                    refused = refused or error
        self._lost = False
        if refused:
            raise RefusedError(f"{self.name} refused: {refused}")
        return reply

    def transaction(self, *commands: tuple[Word, ...]) -> None:
        """All of ``commands`` in one MULTI, or none: one that is refused on the way in discards the rest."""
        packed = b"".join(self.pack(*command) for command in (("MULTI",), *commands, ("EXEC",)))
        for reply in self.send(packed, len(commands) + 2):
            if isinstance(reply, ResponseError):
                raise RefusedError(f"{self.name} refused part of a transaction: {reply}")

    def select(self, db: int) -> None:
        self.ask("SELECT", db)

    def pack(self, *command: Word) -> bytes:
        return b"".join(self._connection.pack_command(*command))

    def close(self) -> None:
        """Hang up, since the pool's next borrower expects another database, and give the connection back."""
        self._connection.disconnect()
        self._pool.release(self._connection)


@contextmanager
def unavailable(name: str) -> Iterator[None]:
    """Says in one line, without its secrets, which server does not answer. What it refuses passes."""
    try:
        yield
    except ResponseError:
        raise
    except RedisError as error:
        raise no_answer(name, error) from error


def no_answer(name: str, error: RedisError) -> StoreUnavailableError:
    """What to say of a server from which no legible answer came."""
    if isinstance(error, InvalidResponse):
        return StoreUnavailableError(f"{name} does not speak Redis ({error})", next_step="Name the port of a Redis or Valkey")
    return StoreUnavailableError(f"{name} does not answer: {error}")
