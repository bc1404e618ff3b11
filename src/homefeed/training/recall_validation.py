"""Recall@50 over the full catalogue on the validation slice: what decides how many epochs a recall model gets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.metrics.ranking import Relevant, hits, recall_at_k, relevant_items
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs
from homefeed.models.retrieval import top_items

K, SMALLEST_K, CATALOGUE_SHARE = 50, 5, 0.1
"""Fifty places, but no more than a tenth of a small catalogue: a list that holds everything tells nothing."""
MAX_USERS = 5_000


class Validation:
    """Clicks of the slice as targets; what was clicked in ``learned`` is left out where the shop's policy says so."""

    def __init__(self, dataset: ProcessedDataset, learned: Interactions, validation: Interactions) -> None:
        clicked = validation.label > 0
        users = np.unique(validation.user[clicked])
        self.users = np.random.default_rng(0).permutation(users)[:MAX_USERS]
        place = np.full(len(dataset.users), -1)
        place[self.users] = np.arange(len(self.users))
        self.targets = _pairs(validation, place, len(self.users))
        exclude = dataset.meta.seen.policy == "exclude"
        self.seen = _pairs(learned.take(np.full(len(learned), exclude)), place, len(self.users))
        self.allowed = np.arange(len(dataset.items)) > 0
        self.k = min(K, max(SMALLEST_K, int(CATALOGUE_SHARE * len(dataset.items))))

    def __call__(self, model: DSSM, inputs: Inputs) -> float:
        model.eval()
        with torch.inference_mode():
            users = model.user_vectors(inputs.users.rows(torch.from_numpy(self.users.astype(np.int64))))
            ranked = top_items(users, model.item_vectors(inputs.items), self.k, self.allowed, (self.seen.offsets, self.seen.items))
        return float(np.nanmean(recall_at_k(hits(ranked, self.targets), self.targets.counts(), self.k)))


def _pairs(rows: Interactions, place: npt.NDArray[np.int64], n_users: int) -> Relevant:
    """Clicks of the users that ``place`` numbers from 0 (-1: not asked)."""
    mine = (rows.label > 0) & (place[rows.user] >= 0)
    return relevant_items(place[rows.user[mine]], rows.item[mine], n_users)
