"""Progress as it is seen: bars on a terminal, lines in a log, and every line as it was said."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from homefeed.console import ConsoleProgress


def console(*, terminal: bool) -> tuple[ConsoleProgress, io.StringIO]:
    out = io.StringIO()
    return ConsoleProgress(Console(file=out, force_terminal=terminal, width=100, color_system=None)), out


def test_a_log_gets_one_line_for_each_task() -> None:
    progress, out = console(terminal=False)
    with progress.task("Lists", 4, "users") as advance:
        advance(3)
        advance(1)
    line = out.getvalue()
    assert line.startswith("Lists: 4 users in ")
    assert line.count("\n") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_are_said_as_they_are(terminal: bool) -> None:
    progress, out = console(terminal=terminal)
    long = "the [schema] of [bold]u1[/bold] " + "x" * 200
    progress.say(long)
    assert out.getvalue() == long + "\n"


def test_a_task_within_a_task_and_lines_between_are_fine_on_a_terminal() -> None:
    progress, out = console(terminal=True)
    with progress.task("outer", None, "steps") as advance:
        with progress.task("inner", 2, "rows") as inner:
            progress.say("between")
            inner(2)
        advance(1)
    with progress.task("after", 1, "rows") as advance:
        advance(1)
    for word in ("between", "inner: 2 rows in", "outer: 1 steps in", "after: 1 rows in"):
        assert word in out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_task_that_fails_does_not_say_that_it_was_done(terminal: bool) -> None:
    progress, out = console(terminal=terminal)
    with pytest.raises(ZeroDivisionError), progress.task("Lists", 4, "users"):
        raise ZeroDivisionError
    assert "Lists: " not in out.getvalue()
    with progress.task("Next", 1, "users"):
        pass
    assert "Next: 0 users" in out.getvalue()
