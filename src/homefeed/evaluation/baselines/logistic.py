"""Logistic regression of ``scikit-learn``: a weight for each id and tag, for numbers and for hotness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.baselines.job import Job, Outcome
from homefeed.evaluation.baselines.rank_features import hotness_feature
from homefeed.evaluation.baselines.tuning import VALIDATION_FRACTION, Setting, best_setting
from homefeed.metrics.classification import log_loss
from homefeed.training.three_fits import validation_split

SETTINGS: tuple[Setting, ...] = tuple({"C": c} for c in (0.1, 1.0, 0.01))
MAX_ITERATIONS, TUNED_BY = 200, "log loss"
ONE_LABEL = "the train side has one label only"


def run_logistic(job: Job) -> Outcome:
    learn, validate = validation_split(job.dataset, VALIDATION_FRACTION)
    if not 0 < learn.label.mean() < 1:
        return Outcome("", ONE_LABEL)

    def value(setting: Setting) -> float:
        return -log_loss(validate.label, _probabilities(job.dataset, learn, validate, setting)) if len(validate) else 0.0

    setting, tuning = best_setting(SETTINGS, value, job.budget_seconds, TUNED_BY)
    return Outcome(tuning, p_click=_probabilities(job.dataset, job.dataset.train, job.dataset.test, setting))


def _probabilities(dataset: ProcessedDataset, learn: Interactions, ask: Interactions, setting: Setting) -> npt.NDArray[np.float32]:
    model = LogisticRegression(C=setting["C"], max_iter=MAX_ITERATIONS, tol=1e-3)
    model.fit(_inputs(dataset, learn), learn.label > 0, sample_weight=learn.weight)
    p: npt.NDArray[np.float32] = model.predict_proba(_inputs(dataset, ask))[:, 1].astype(np.float32)
    return p


def _inputs(dataset: ProcessedDataset, rows: Interactions) -> csr_matrix:
    """float64[N, slots + numbers + 1]; a missing number counts as the mean."""
    sides = ((dataset.users, rows.user), (dataset.items, rows.item))
    slots = [table.slots[row] for table, row in sides] + [bag[row] for table, row in sides for bag in table.bags.values()]
    scaled = [_standardised(table.numbers)[row] for table, row in sides]
    return hstack([_one_hot(np.hstack(slots), dataset.map_size), *scaled, hotness_feature(rows)[:, None]], format="csr")


def _standardised(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """By the mean and spread of what is known of all users, or items."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0).astype(np.float64)
    count = np.maximum(known.sum(0), 1)
    mean = filled.sum(0) / count
    away = np.where(known, filled - mean, 0.0)
    spread = np.sqrt((away**2).sum(0) / count)
    scaled: npt.NDArray[np.float64] = away / np.where(spread > 0, spread, 1.0)
    return scaled


def _one_hot(slots: npt.NDArray[np.int32], size: int) -> csr_matrix:
    """float32[N, size + 1]: 1 at each of a row's slots; slot 0, the unknown value and the padding, is left out."""
    starts = np.arange(len(slots) + 1) * slots.shape[1]
    return csr_matrix(((slots > 0).ravel().astype(np.float32), slots.ravel(), starts), shape=(len(slots), size + 1))
