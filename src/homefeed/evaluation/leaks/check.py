"""All leak checks over one shop's artefacts, cheapest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.core.progress import Progress
from homefeed.evaluation.leaks.checkpoints import Measure, look_at_checkpoint
from homefeed.evaluation.leaks.columns import Values
from homefeed.evaluation.leaks.counted_columns import look_at_counts
from homefeed.evaluation.leaks.feature_moments import look_at_moments
from homefeed.evaluation.leaks.findings import LeakReport, Look
from homefeed.evaluation.leaks.label_in_column import look_at_columns
from homefeed.evaluation.leaks.learned import look_at_item_facts, look_at_model
from homefeed.evaluation.leaks.point_in_time import look_at_hotness
from homefeed.evaluation.leaks.shuffled import Fit, look_at_shuffled_labels
from homefeed.evaluation.leaks.sides import look_at_sides


@dataclass(frozen=True, slots=True)
class ReportedModel:
    """``name``: of its file, ``deepfm.report``. ``measure``: its figures on the test side, now."""

    name: str
    checkpoint: Checkpoint
    served: Checkpoint | None
    measure: Measure


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is looked at. ``slot_names``: ``field=value`` by slot; ``missing``: models that are not there, with why; ``fit``: the control's quick ranker."""

    dataset: ProcessedDataset
    slot_names: Sequence[str]
    models: Sequence[ReportedModel]
    missing: Mapping[str, str]
    fit: Fit


def check_leaks(evidence: Evidence, rng: np.random.Generator, progress: Progress) -> LeakReport:
    return LeakReport(tuple(_looks(evidence, rng, progress)))


def _looks(given: Evidence, rng: np.random.Generator, progress: Progress) -> Iterator[Look]:
    dataset, names = given.dataset, given.slot_names
    yield look_at_sides(dataset)
    yield look_at_hotness(dataset)
    yield look_at_moments(dataset, names)
    yield look_at_item_facts(dataset)
    yield look_at_columns(dataset, names, _log_columns(dataset.train), rng)
    yield look_at_counts(dataset, names)
    for model in given.models:
        yield look_at_model(dataset, model.name, model.checkpoint, names)
        yield look_at_checkpoint(dataset, model.name, model.checkpoint, model.served, model.measure)
    for name, why in given.missing.items():
        yield Look(f"rows that {name} has seen", "", left_out=why)
    yield look_at_shuffled_labels(dataset, given.fit, rng, progress)


def _log_columns(train: Interactions) -> dict[str, Values]:
    """What a model could read of a row beside user and item."""
    columns = {"position": train.position, "propensity": train.propensity}
    return {name: values.astype(np.float64) for name, values in columns.items() if values is not None}
