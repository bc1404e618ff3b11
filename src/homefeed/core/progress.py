"""How long work tells where it is. The command line gives a real one; everything else may stay silent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Advance = Callable[[int], None]
"""Call with the number of units done since the last call."""


class Progress(Protocol):
    """Bars on a terminal, plain lines in a log."""

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """One piece of work of ``total`` units (None: not known)."""
        ...

    def say(self, line: str) -> None:
        """One line the user should read."""
        ...


class Silent:
    """A progress that nobody watches."""

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(_ignore)

    def say(self, line: str) -> None:
        return None


def _ignore(units: int) -> None:
    return None
