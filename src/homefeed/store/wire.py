"""A writer's connection: commands in order, one database at a time, and errors in the user's words."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import hiredis

from homefeed.core.errors import StoreUnavailableError
from homefeed.store.address import Address
from homefeed.store.complaints import FAILURES, NoMemoryError, no_answer, refusal
from homefeed.store.line import Line
from homefeed.store.packing import Word, command


class Wire:
    """Not for use by several threads. Raises ``StoreUnavailableError`` where the server does not answer, at once when it is made."""

    def __init__(self, address: Address) -> None:
        self.name = address.name
        self._address = address
        self._line: Line | None = None
        try:
            self._line = Line(address, self._deadline())
        except FAILURES as error:
            raise no_answer(address, error) from error
        self.send(b"", 0)  # login and database, before anything else is said

    def ask(self, *words: Word) -> Any:
        """The server's reply to one command. Raises ``RefusedError``."""
        return self.send(command(*words), 1)[0]

    def send(self, packed: bytes, replies: int) -> list[Any]:
        """The replies to commands that are packed already. Raises ``RefusedError`` for the first that the server refused."""
        if self._line is None:
            raise StoreUnavailableError(f"{self.name} hung up")  # never on a new connection: it would speak to another database
        try:
            answers = self._line.ask(packed, replies, self._deadline())
        except FAILURES as error:
            self.close()
            raise no_answer(self._address, error) from error
        for answer in answers:
            if isinstance(answer, hiredis.ReplyError):
                raise refusal(self._address, answer)
        return answers

    def transaction(self, *commands: tuple[Word, ...]) -> bool:
        """All of ``commands`` in one MULTI, or none: one that is refused on the way in discards the rest. False where a watched key has changed."""
        return self.packed_transaction(b"".join(command(*words) for words in commands), len(commands))

    def packed_transaction(self, packed: bytes, commands: int) -> bool:
        done = self.send(_MULTI + packed + _EXEC, commands + 2)[-1]
        for answer in done or ():
            if isinstance(answer, hiredis.ReplyError):
                raise refusal(self._address, answer)
        return done is not None

    def unlink_while(self, key: bytes, value: bytes, *names: bytes) -> bool:
        """Delete keys of the selected database, only while ``key`` there holds ``value``; False where it no longer does."""
        if self.send(command(b"WATCH", key) + command(b"GET", key), 2)[-1] != value:
            self.ask(b"UNWATCH")
            return False
        try:
            return self.transaction((b"UNLINK", *names))
        except NoMemoryError:
            self.ask(b"UNLINK", *names)
            return True

    def select(self, db: int) -> None:
        self.ask(b"SELECT", db)

    def close(self) -> None:
        if self._line:
            self._line.close()
            self._line = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _deadline(self) -> float:
        return time.monotonic() + self._address.timeout_seconds


_MULTI, _EXEC = command(b"MULTI"), command(b"EXEC")
