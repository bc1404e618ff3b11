"""Fit and ask baselines one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.core.progress import Progress
from homefeed.evaluation.baselines.child import EndedByItselfError, OutOfTimeError, run_in_child
from homefeed.evaluation.baselines.job import Job, Outcome, Stopwatch
from homefeed.evaluation.baselines.names import HOTNESS, SIMPLE, baselines_named
from homefeed.evaluation.baselines.registry import missing, run_baseline
from homefeed.evaluation.baselines.results import BaselineNote, BaselineResults
from homefeed.evaluation.baselines.simple import baseline_lists
from homefeed.evaluation.protocol import Protocol


def run_baselines(
    names: Sequence[str], dataset: ProcessedDataset, protocol: Protocol, k: int, seed: int, budget_seconds: float, progress: Progress
) -> BaselineResults:
    """Lists of ``k`` items and test-side probabilities of the baselines ``names``; each learns from the train side alone.

    One that is not installed, does not end within ``budget_seconds`` or fails is noted and left out. Raises ``ConfigError`` for a name that is none.
    """
    wanted = baselines_named(names)
    simple = baseline_lists(protocol, dataset.facts, k, np.random.default_rng(seed))
    job = Job(dataset, protocol, k, seed, budget_seconds, simple[HOTNESS])
    results = BaselineResults({}, {}, {})
    with progress.task("Baselines", len(wanted), "baselines") as advance:
        for name in wanted:
            watch = Stopwatch()
            outcome, why = (Outcome("", lists=simple[name]), "") if name in SIMPLE else _outcome(name, job)
            _keep(results, name, outcome, BaselineNote(watch.seconds(), outcome.tuning, why or outcome.remark, not why))
            progress.say(_line(name, results.notes[name]))
            advance(1)
    return results


def _outcome(name: str, job: Job) -> tuple[Outcome, str]:
    """What came out, and why nothing did."""
    if why := missing(name):
        return Outcome(""), why
    try:
        outcome = run_in_child(run_baseline, name, job)
    except OutOfTimeError:
        return Outcome(""), f"did not end within {job.budget_seconds:,.0f} s"
    except EndedByItselfError as error:
        return Outcome(""), f"ended without a result ({error}); -9 means that there was not enough memory"
    return outcome, "" if outcome.lists is not None or outcome.p_click is not None else outcome.remark


def _keep(results: BaselineResults, name: str, outcome: Outcome, note: BaselineNote) -> None:
    results.notes[name] = note
    if outcome.lists is not None:
        results.lists[name] = outcome.lists
    if outcome.p_click is not None:
        results.p_click[name] = outcome.p_click


def _line(name: str, note: BaselineNote) -> str:
    words = "; ".join(part for part in (note.tuning, note.remark) if part)
    return f"  {name}: {note.seconds:.0f} s{'; ' if words else ''}{words}"
