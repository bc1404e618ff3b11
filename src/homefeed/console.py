"""Progress as a person sees it: bars on a terminal, plain lines with rates in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from homefeed.core.progress import Advance

LOG_EVERY_SECONDS = 15.0


class ConsoleProgress:
    """Everything goes to ``console``, lines above the bars."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._open = 0

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        return self._bar(title, total, unit) if self._console.is_terminal else self._lines(title, total, unit)

    @contextmanager
    def _bar(self, title: str, total: int | None, unit: str) -> Iterator[Advance]:
        started = time.perf_counter()
        self._open += 1
        self._bars.start()
        task = self._bars.add_task(title, total=total, unit=unit)
        done = 0

        def advance(units: int) -> None:
            nonlocal done
            done += units
            self._bars.advance(task, units)

        try:
            yield advance
        finally:
            self._bars.remove_task(task)
            self._open -= 1
            if not self._open:
                self._bars.stop()
        self.say(_summary(title, done, unit, time.perf_counter() - started))

    @contextmanager
    def _lines(self, title: str, total: int | None, unit: str) -> Iterator[Advance]:
        started = told = time.perf_counter()
        done = 0

        def advance(units: int) -> None:
            nonlocal done, told
            done += units
            now = time.perf_counter()
            if now - told >= LOG_EVERY_SECONDS:
                told = now
                share = f", {done / total:.0%}, about {(now - started) * max(total - done, 0) / max(done, 1):.0f} s left" if total else ""
                self.say(f"{_summary(title, done, unit, now - started)}{share}")

        yield advance
        self.say(_summary(title, done, unit, time.perf_counter() - started))


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _summary(title: str, done: int, unit: str, seconds: float) -> str:
    return f"{title}: {done:,} {unit} in {seconds:.1f} s ({done / max(seconds, 1e-9):,.0f} {unit}/s)"
