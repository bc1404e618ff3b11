"""Three fits, never confused.

1. On the train side less a validation slice (its last part in time): chooses how many epochs.
2. On all of the train side, for so many epochs: the reported model, measured on the test side.
3. On everything: the served model. Without the third the reported model is served.

Rows that were drawn go with the clicks they were drawn for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.checkpoint import Checkpoint, RowsSeen
from homefeed.artifacts.dataset_meta import DatasetMeta
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.artifacts.validation_lists import ValidationLists
from homefeed.models.weights import ModelWeights

Fit = Callable[[Interactions, int, Interactions | None], tuple[ModelWeights, int]]
"""From (rows to learn, number of epochs or its limit, rows to validate on or None) to (model, best number of epochs)."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """``validation_lists``: a recall model's, None where the validation slice has no click."""

    reported: Checkpoint
    served: Checkpoint
    validation_lists: ValidationLists | None = None


def three_fits(fit: Fit, dataset: ProcessedDataset, max_epochs: int, validation_fraction: float, refit: bool) -> Fitted:
    """``refit=False``: what is served has seen the train side alone."""
    learn, validate = validation_split(dataset, validation_fraction)
    _, epochs = fit(learn, max_epochs, validate)
    reported = _checkpoint(fit(dataset.train, epochs, None)[0], dataset, "train", epochs)
    if not refit:
        return Fitted(reported, reported)
    everything = without_contradictions(Interactions.concatenate([dataset.train, dataset.test]))
    return Fitted(reported, _checkpoint(fit(everything, epochs, None)[0], dataset, "all", epochs))


def as_of_us(rows: Interactions, meta: DatasetMeta) -> int | None:
    """The moment at which a model of ``rows`` is asked: their end; None where each user's rows end at a time of their own."""
    return None if meta.split.kind == "per-user" or not len(rows) else int(rows.ts_us.max())


def with_metrics(fitted: Fitted, metrics: dict[str, float]) -> Fitted:
    """Both checkpoints carrying the figures of the reported one on the test side."""
    known = dict(fitted.reported.metrics) | metrics
    return replace(fitted, reported=replace(fitted.reported, metrics=known), served=replace(fitted.served, metrics=known))


def without_contradictions(rows: Interactions) -> Interactions:
    """Less the drawn rows of what their user clicks: on the train side nobody could know, once everything is learned from it is known."""
    if not rows.drawn.any():
        return rows
    pair = rows.user.astype(np.int64) * (int(rows.item.max()) + 1) + rows.item
    return rows.take(~(rows.drawn & np.isin(pair, pair[rows.label > 0])))


def validation_split(dataset: ProcessedDataset, fraction: float) -> tuple[Interactions, Interactions]:
    """(learn, validate): the train side parted as the dataset's split parts train and test; at one moment where users have too few rows to part."""
    rows = dataset.train
    late = _late_by_user(rows, fraction) if dataset.meta.split.kind == "per-user" else np.zeros(len(rows), np.bool_)
    if not rows.label[late].any():
        late = _late_in_the_log(rows, fraction)
    return rows.take(~late), rows.take(late)


def _late_in_the_log(rows: Interactions, fraction: float) -> npt.NDArray[np.bool_]:
    """bool[N]: the last part by time, cut between two different moments."""
    late: npt.NDArray[np.bool_] = rows.ts_us > np.quantile(rows.of_the_log().ts_us, 1 - fraction, method="lower")
    return late


def _late_by_user(rows: Interactions, fraction: float) -> npt.NDArray[np.bool_]:
    """bool[N]: the last part of each user's rows, cut between two different moments."""
    logged = rows.of_the_log()
    order = np.lexsort((logged.ts_us, logged.user))
    counts = np.bincount(logged.user)
    learned = np.ceil(counts * (1 - fraction)).astype(np.int64)
    last_learned = np.cumsum(counts) - counts + learned - 1
    until_us = logged.ts_us[order][np.clip(last_learned, 0, len(logged) - 1)]
    late: npt.NDArray[np.bool_] = rows.ts_us > until_us[rows.user]
    return late


def _checkpoint(model: ModelWeights, dataset: ProcessedDataset, rows_seen: RowsSeen, epochs: int) -> Checkpoint:
    meta = dataset.meta
    until_us = meta.log_end_us if rows_seen == "all" else meta.train_end_us
    return Checkpoint(model, meta.lineage.fingerprint, meta.schema.model_inputs(), rows_seen, meta.split.id, until_us, {"epochs": float(epochs)})
