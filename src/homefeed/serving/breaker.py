"""A reader that stops asking a store which does not answer, so that no request waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.core.release import Release
from homefeed.store.base import ListRead, ReleaseReader

logger = logging.getLogger(__name__)

FAILURES = 3
"""Failures in a row that open the breaker: one slow answer of a busy server costs one request its list, and a dead server costs at most this many waits."""

_Answer = TypeVar("_Answer")


class CircuitBreaker:
    """A ``ReleaseReader`` over another one. Open, it answers at once that the store is out; only a probe (``ReleaseWatcher``) closes it, never a request.

    A read takes no lock: threads that count failures at the same time may open it one sooner or later, which harms nobody. Only its turning is locked, so
    that it is told once.
    """

    def __init__(self, reader: ReleaseReader) -> None:
        self._reader = reader
        self._failures = 0
        self._why: str | None = None
        self._turning = Lock()

    @property
    def is_open(self) -> bool:
        return self._why is not None

    def read_list(self, user_slot: int, size: int, db: int | None = None) -> ListRead:
        return self._guarded(lambda: self._reader.read_list(user_slot, size, db))

    def read_release(self) -> Release | None:
        return self._guarded(self._reader.read_release)

    def failed(self, error: StoreError) -> None:
        """A read or a probe was not answered: after a few in a row, stop asking."""
        self._failures += 1
        if self._failures >= FAILURES:
            self.open(error)

    def open(self, error: StoreError) -> None:
        """Stop asking."""
        with self._turning:
            was_open, self._why = self.is_open, str(error)
        if not was_open:
            logger.warning("%s Not asked again until it answers a probe.", error)

    def close(self) -> None:
        """Ask again: a probe was answered."""
        with self._turning:
            was_open, self._why, self._failures = self.is_open, None, 0
        if was_open:
            logger.warning("The store answers again.")

    def _guarded(self, ask: Callable[[], _Answer]) -> _Answer:
        if self._why is not None:
            raise StoreUnavailableError(f"{self._why} Not asked again until it answers a probe")
        try:
            answer = ask()
        except StoreUnavailableError as error:  # a record that cannot be read is an answer too
            self.failed(error)
            raise
        self._failures = 0
        return answer
