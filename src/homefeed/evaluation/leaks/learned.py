"""What was learned from rows, learned again from the train side alone: items' hotness and clicks at the split, vocabularies, number scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.leaks.findings import Leak, Look
from homefeed.features.encoder import NumberScale, slot_counts
from homefeed.features.entities import EntityTable
from homefeed.features.hotness import MICROSECONDS_PER_DAY, HotnessRule, hotness_at

TOLERANCE = 1e-4
ETL_AGAIN = "Make it again: homefeed etl; then train again"
Array = npt.NDArray[np.float64]


def look_at_item_facts(dataset: ProcessedDataset) -> Look:
    """``hotness_split`` and ``clicks_split`` of all items, from train rows alone."""
    train = dataset.train.of_the_log()
    both = Interactions.concatenate([train, dataset.test.of_the_log()])
    facts, end = dataset.facts, dataset.meta.log_end_us + 1
    split = dataset.meta.split.test_from_us or dataset.meta.train_end_us + 1
    leaks = [
        *_unexplained(dataset, "hotness_split", facts.hotness_split, _hotness(dataset, train, split), _hotness(dataset, both, end)),
        *_unexplained(dataset, "clicks_split", facts.clicks_split, _clicks(dataset, train), _clicks(dataset, both)),
    ]
    return Look("items at the split", f"hotness_split and clicks_split of {len(dataset.items) - 1:,} items against {len(train):,} train rows", tuple(leaks))


def look_at_model(dataset: ProcessedDataset, name: str, checkpoint: Checkpoint, slot_names: Sequence[str]) -> Look:
    """Slots that the model names, and its scales of numbers."""
    train = dataset.train.of_the_log()
    leaks = [*_vocabulary(dataset, name, checkpoint, train, slot_names), *_scales(dataset, name, checkpoint), *_hotness_scale(dataset, name, checkpoint)]
    known = int((checkpoint.model.vocabulary.row > 0).sum())
    return Look(f"what {name} has learned", f"its {known:,} known slots and its number scales against {len(train):,} train rows", tuple(leaks))


def _unexplained(dataset: ProcessedDataset, name: str, found: npt.NDArray[Any], of_train: Array, of_all: Array) -> list[Leak]:
    wrong = ~np.isclose(found, of_train, rtol=TOLERANCE, atol=0)
    wrong[0] = False  # the unknown item
    if not wrong.any():
        return []
    from_all = np.isclose(found, of_all, rtol=TOLERANCE, atol=0)[1:].all()
    why = "they are those of train and test rows together" if from_all else "no train row explains them"
    row = int(np.flatnonzero(wrong)[0])
    example = f"iid {dataset.items.ids[row]}: {found[row]:.6g}, from the train side {of_train[row]:.6g}"
    return [Leak(f"items have another {name} than the train side gives: {why}", f"{name} in items.parquet", int(wrong.sum()), example, ETL_AGAIN)]


def _hotness(dataset: ProcessedDataset, rows: Interactions, moment_us: int) -> Array:
    rule = HotnessRule(dataset.meta.half_life_days * MICROSECONDS_PER_DAY, dataset.meta.prior_impressions)
    return hotness_at(moment_us, rows.ts_us, rows.item.astype(np.intp), (rows.label * rows.weight).astype(np.float64), len(dataset.items), rule)


def _clicks(dataset: ProcessedDataset, rows: Interactions) -> Array:
    return np.bincount(rows.item[rows.label > 0], minlength=len(dataset.items)).astype(np.float64)


def _vocabulary(dataset: ProcessedDataset, name: str, checkpoint: Checkpoint, train: Interactions, slot_names: Sequence[str]) -> list[Leak]:
    counts = slot_counts(dataset.users, train.user, dataset.map_size) + slot_counts(dataset.items, train.item, dataset.map_size)
    least = max(int(checkpoint.model.config.get("min_count", 1)), 1)
    row = checkpoint.model.vocabulary.row
    unexplained = np.flatnonzero((row > 0) & (counts[: len(row)] < least))
    if not len(unexplained):
        return []
    slot = int(unexplained[0])
    example = f"{slot_names[slot]} (slot {slot}): {int(counts[slot]):,} train rows"
    what = f"slots have an embedding of their own with fewer than {least} train rows (train.min_count): other rows taught it"
    return [Leak(what, f"vocabulary of {name}.pth", len(unexplained), example, _train_again(name))]


def _scales(dataset: ProcessedDataset, name: str, checkpoint: Checkpoint) -> list[Leak]:
    model, train = checkpoint.model, dataset.train.of_the_log()
    return [
        *_scale(f"user_scale of {name}.pth", name, model.user_scale, dataset.users, train.user),
        *_scale(f"item_scale of {name}.pth", name, model.item_scale, dataset.items, train.item),
    ]


def _scale(where: str, name: str, found: NumberScale, table: EntityTable, rows: npt.NDArray[np.int32]) -> list[Leak]:
    expected = NumberScale.fit(table.numbers[np.unique(rows)])
    wrong = ~(np.isclose(found.mean, expected.mean, rtol=TOLERANCE) & np.isclose(found.std, expected.std, rtol=TOLERANCE))
    if not wrong.any():
        return []
    column = int(np.flatnonzero(wrong)[0])
    example = f"number column {column + 1}: mean {found.mean[column]:.6g}, of the train side {expected.mean[column]:.6g}"
    return [Leak("number columns have a scale that the train side does not give", where, int(wrong.sum()), example, _train_again(name))]


def _hotness_scale(dataset: ProcessedDataset, name: str, checkpoint: Checkpoint) -> list[Leak]:
    """Of the ranker: mean and deviation of ``log1p(hotness)`` over its rows."""
    config = checkpoint.model.config
    if not {"hotness_mean", "hotness_std"} <= config.keys():
        return []
    logs = np.log1p(dataset.train.hotness)
    expected = float(logs.mean()), float(logs.std()) or 1.0
    found = float(config["hotness_mean"]), float(config["hotness_std"])
    if np.allclose(found, expected, rtol=1e-3):
        return []
    example = f"mean {found[0]:.6g} and deviation {found[1]:.6g}, of the train side {expected[0]:.6g} and {expected[1]:.6g}"
    return [Leak("the scale of hotness is not that of the train side", f"hotness_mean and hotness_std of {name}.pth", 1, example, _train_again(name))]


def _train_again(name: str) -> str:
    return f"Train again: homefeed train {'rank' if name.startswith('deepfm') else 'recall'}"
