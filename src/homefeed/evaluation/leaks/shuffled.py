"""The shuffled-label control: a ranker that is taught labels in random order must know nothing of the test side.

One fit is no evidence: its random weights may happen to follow hotness, or to run against it. Their mean over several shuffles, each with its
own start, is a half where nothing leaks, and above it where test labels reach the fit by another way than the train labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.core.progress import Progress
from homefeed.evaluation.leaks.findings import Leak, Look
from homefeed.metrics.classification import auc

NAME = "shuffled labels"
SHUFFLES, ROWS = 6, 20_000
ENOUGH = 50
"""Test rows of either label, below which an AUC says nothing."""
CHANCE = 0.001
"""How often the control may cry wolf."""
Fit = Callable[[ProcessedDataset, int], npt.NDArray[np.float32]]
"""A quick ranker on the train side of a dataset, from a seed, to the scores of all of its test rows."""


def look_at_shuffled_labels(dataset: ProcessedDataset, fit: Fit, rng: np.random.Generator, progress: Progress) -> Look:
    """``fit`` is given samples of at most ``ROWS`` rows a side."""
    sample = replace(dataset, train=_some(dataset.train, rng), test=_some(dataset.test, rng))
    clicked = sample.test.label > 0
    if min(clicked.sum(), (~clicked).sum()) < ENOUGH or not 0 < sample.train.label.mean() < 1:
        return Look(NAME, "", left_out=f"fewer than {ENOUGH} test rows of either label, or train rows of one label alone")
    aucs = []
    with progress.task("Shuffled-label control", SHUFFLES, "fits") as advance:
        for shuffle in range(SHUFFLES):
            labels = rng.permutation(sample.train.label)
            aucs.append(auc(sample.test.label, fit(replace(sample, train=replace(sample.train, label=labels)), shuffle)))
            advance(1)
    mean, margin = float(np.mean(aucs)), _margin(np.array(aucs))
    at = f"{SHUFFLES} rankers on {len(sample.train):,} rows with shuffled labels: AUC on the test side {mean:.3f} ± {margin:.3f}, by chance 0.5"
    if mean - margin <= 0.5:
        return Look(NAME, at)
    what = f"fits know the test side though their labels were shuffled: AUC {mean:.4f}, at least {mean - margin:.4f} in all but {CHANCE:.1%} of cases"
    example = "AUC by shuffle: " + ", ".join(f"{value:.3f}" for value in aucs)
    step = "Look for test labels in what a fit reads: rows of both sides, features made from labels, epochs chosen on the test side"
    return Look(NAME, at, (Leak(what, "the ranker's training", SHUFFLES, example, step),))


def _some(rows: Interactions, rng: np.random.Generator) -> Interactions:
    return rows if len(rows) <= ROWS else rows.take(np.sort(rng.choice(len(rows), ROWS, replace=False)))


def _margin(aucs: npt.NDArray[np.float64]) -> float:
    """One-sided, by Student's t over the shuffles."""
    return float(student.ppf(1 - CHANCE, len(aucs) - 1) * aucs.std(ddof=1) / np.sqrt(len(aucs)))
