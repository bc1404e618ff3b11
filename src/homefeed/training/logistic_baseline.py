"""Logistic regression on the same fields: what the ranker has to beat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from homefeed.artifacts.processed import Interactions, ProcessedDataset

MAX_ITERATIONS = 60


def logistic_probabilities(dataset: ProcessedDataset) -> npt.NDArray[np.float64] | None:
    """float64[N_test], fitted on the train side: one weight a slot and one for hotness. None where the train side has one label only."""
    train, test = dataset.train, dataset.test
    if not 0 < train.label.mean() < 1:
        return None
    model = LogisticRegression(C=1.0, max_iter=MAX_ITERATIONS, tol=1e-3)
    model.fit(_one_hot(dataset, train), train.label > 0, sample_weight=train.weight)
    p: npt.NDArray[np.float64] = model.predict_proba(_one_hot(dataset, test))[:, 1]
    return p


def _one_hot(dataset: ProcessedDataset, rows: Interactions) -> csr_matrix:
    slots = np.hstack([dataset.users.slots[rows.user], dataset.items.slots[rows.item]])
    starts = np.arange(len(rows) + 1) * slots.shape[1]
    fields = csr_matrix((np.ones(slots.size, np.float32), slots.ravel(), starts), shape=(len(rows), dataset.map_size + 1))
    return hstack([fields, np.log1p(rows.hotness)[:, None]], format="csr")
