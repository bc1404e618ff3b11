"""LightGBM: boosted trees over tags, numbers, hotness, and counts of what happened strictly before a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.baselines.job import Job, Outcome
from homefeed.evaluation.baselines.logistic import ONE_LABEL, TUNED_BY
from homefeed.evaluation.baselines.rank_features import history_features, numbers, tag_codes
from homefeed.evaluation.baselines.tuning import VALIDATION_FRACTION, Setting, best_setting
from homefeed.metrics.classification import log_loss
from homefeed.training.three_fits import validation_split

SETTINGS: tuple[Setting, ...] = tuple({"leaves": n, "least rows in a leaf": m} for n, m in ((31, 100), (127, 100), (31, 1000), (8, 100)))
MAX_TREES, LEARNING_RATE, PATIENCE = 2000, 0.05, 50


@dataclass(frozen=True, slots=True)
class _Table:
    """``x``: float64[N, tags + the rest], tags first; ``tags``: how many of the columns are categories."""

    x: npt.NDArray[np.float64]
    tags: int
    rows: Interactions


def run_lightgbm(job: Job) -> Outcome:
    """The number of trees by early stopping on the validation slice, then so many on all of the train side."""
    learn, validate = validation_split(job.dataset, VALIDATION_FRACTION)
    if not 0 < learn.label.mean() < 1:
        return Outcome("", ONE_LABEL)
    learned, asked = (_table(job.dataset, learn, rows) for rows in (learn, validate))
    trees: dict[float, int] = {}

    def value(setting: Setting) -> float:
        model = _fitted(learned, setting, MAX_TREES, job.seed, asked)
        loss = log_loss(validate.label, np.asarray(model.predict(asked.x)))
        trees[-loss] = model.best_iteration
        return -loss

    setting, tuning = best_setting(SETTINGS, value, job.budget_seconds, TUNED_BY)
    best = trees[max(trees)]
    model = _fitted(_table(job.dataset, job.dataset.train, job.dataset.train), setting, best, job.seed)
    p = np.asarray(model.predict(_table(job.dataset, job.dataset.train, job.dataset.test).x), np.float32)
    return Outcome(f"{tuning}; {best} trees by early stopping, learning rate {LEARNING_RATE}", p_click=p)


def _table(dataset: ProcessedDataset, train: Interactions, rows: Interactions) -> _Table:
    tags = tag_codes(dataset, rows)
    return _Table(np.hstack([tags, numbers(dataset, rows), history_features(dataset, train, rows)]), tags.shape[1], rows)


def _fitted(table: _Table, setting: Setting, trees: int, seed: int, validate: _Table | None = None) -> Any:
    import lightgbm

    parameters = {
        "objective": "binary",
        "num_leaves": int(setting["leaves"]),
        "min_data_in_leaf": int(setting["least rows in a leaf"]),
        "learning_rate": LEARNING_RATE,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "feature_fraction": 0.8,
        "seed": seed,
        "verbose": -1,
    }
    known = _library_table(table)
    if validate is None:
        return lightgbm.train(parameters, known, trees)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    return lightgbm.train(parameters, known, trees, [_library_table(validate, known)], callbacks=[stop])


def _library_table(table: _Table, like: Any = None) -> Any:
    import lightgbm

    columns = list(range(table.tags))
    return lightgbm.Dataset(table.x, table.rows.label, weight=table.rows.weight, categorical_feature=columns, reference=like, free_raw_data=False)
