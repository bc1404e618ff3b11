"""Fit and ask baselines one after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.core.progress import Progress
from homefeed.evaluation.baselines.names import SIMPLE, baselines_named
from homefeed.evaluation.baselines.results import BaselineNote, BaselineResults
from homefeed.evaluation.baselines.simple import baseline_lists
from homefeed.evaluation.protocol import Protocol


def run_baselines(
    names: Sequence[str], dataset: ProcessedDataset, protocol: Protocol, k: int, seed: int, budget_seconds: float, progress: Progress
) -> BaselineResults:
    """Lists of ``k`` items and test-side probabilities of the baselines ``names``; each learns from the train side alone.

    One that is not installed or takes longer than ``budget_seconds`` is noted and left out. Raises ``ConfigError`` for a name that is none.
    """
    results = BaselineResults({}, {}, {})
    for name in baselines_named(names):
        if name in SIMPLE:
            _add_simple(results, name, dataset, protocol, k, seed)
        else:
            results.notes[name] = BaselineNote(0.0, "", "not built yet", False)
    return results


def _add_simple(results: BaselineResults, name: str, dataset: ProcessedDataset, protocol: Protocol, k: int, seed: int) -> None:
    started = time.perf_counter()
    results.lists[name] = baseline_lists(protocol, dataset.facts, k, np.random.default_rng(seed))[name]
    results.notes[name] = BaselineNote(time.perf_counter() - started, "", "", True)
