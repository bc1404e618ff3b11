"""A baseline in a process of its own: one that takes too long is ended, one that runs out of memory takes nobody along."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from homefeed.evaluation.baselines.job import Job, Outcome

Work = Callable[[str, Job], Outcome]
"""A function of a module, so that a fresh process finds it."""
_END_SECONDS = 5.0


class OutOfTimeError(Exception):
    """The budget is spent."""


class EndedByItselfError(Exception):
    """The process ended without a result; its own words are on stderr."""


def run_in_child(work: Work, name: str, job: Job) -> Outcome:
    """``work(name, job)`` within ``job.budget_seconds``. Raises ``OutOfTimeError`` or ``EndedByItselfError``; nothing of the child is left in any case."""
    fresh = multiprocessing.get_context("spawn")  # a fork of a process with numeric threads may hang
    ours, theirs = fresh.Pipe(duplex=False)
    process = fresh.Process(target=_work, args=(theirs, work, name, job), name=f"baseline {name}", daemon=True)
    deadline = time.monotonic() + job.budget_seconds
    process.start()
    theirs.close()
    try:
        if not ours.poll(max(deadline - time.monotonic(), 0)):
            raise OutOfTimeError
        outcome: Outcome = ours.recv()
        return outcome
    except EOFError:
        process.join(_END_SECONDS)
        raise EndedByItselfError(f"exit code {process.exitcode}") from None
    finally:
        ours.close()
        process.terminate()
        process.join(_END_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()


def _work(connection: Connection, work: Work, name: str, job: Job) -> None:
    with connection:
        connection.send(work(name, job))
