"""Tells a mistake that nobody foresaw from one that the log has had already."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

_QUIET_SECONDS = 60.0
_REMEMBERED = 100


class Incidents:
    """One traceback a minute for each place in the code: a mistake that every request meets must not fill the disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str, int], float] = {}

    def is_news(self, error: Exception) -> bool:
        """Whether the log should hear of ``error`` now. Threads may ask at once; two of them may then both be told yes."""
        place, now = (type(error).__name__, *_place(error.__traceback__)), self._clock()
        told = self._told.get(place)
        if told is not None and now - told < _QUIET_SECONDS:
            return False
        if len(self._told) >= _REMEMBERED:
            self._told = {}
        self._told[place] = now
        return True


def _place(trace: TracebackType | None) -> tuple[str, int]:
    """File and line that raised."""
    if trace is None:
        return "", 0
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
