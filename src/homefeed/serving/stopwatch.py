"""Where a request's time goes."""

from __future__ import annotations

from collections.abc import Callable

RECEIVE, RECALL, FILTER, SCORE, PAGE = STEPS = ("receive", "recall", "filter", "score", "page")
"""Steps of a request in their order; a step that a request does not need is left out."""


class Stopwatch:
    """``seconds`` of each step so far. ``clock`` answers in seconds."""

    __slots__ = ("_clock", "_since", "seconds")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self.seconds: dict[str, float] = {}

    def lap(self, step: str) -> None:
        """The time since the last lap belongs to ``step``."""
        now = self._clock()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._since
        self._since = now
