"""Recall@50 over the full catalogue on the validation slice: what decides how many epochs a recall model gets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.artifacts.validation_lists import ValidationLists
from homefeed.features.history import histories_of, no_histories
from homefeed.metrics.ranking import Relevant, hits, recall_at_k, relevant_items
from homefeed.models.channels.blend import Blend, blocks
from homefeed.models.channels.scores import Channels, channels_at
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs
from homefeed.models.retrieval import top_items
from homefeed.models.vectors import item_vectors, user_vectors
from homefeed.training.recall_blend import fit_blend, fit_newcomers
from homefeed.training.three_fits import as_of_us

K, SMALLEST_K, CATALOGUE_SHARE = 50, 5, 0.1
"""Fifty places, but no more than a tenth of a small catalogue: a list that holds everything tells nothing."""
MAX_USERS, LIST_SIZE = 4_000, 100


class Validation:
    """Clicks of the slice as targets; what was clicked in ``learned`` is left out where the shop's policy says so."""

    def __init__(self, dataset: ProcessedDataset, learned: Interactions, validation: Interactions) -> None:
        clicked = validation.label > 0
        users = np.unique(validation.user[clicked])
        self.users = np.random.default_rng(0).permutation(users)[:MAX_USERS].astype(np.int64)
        place = np.full(len(dataset.users), -1)
        place[self.users] = np.arange(len(self.users))
        self.targets = _pairs(validation, place, len(self.users))
        self.again = dataset.meta.seen.policy != "exclude"
        self.seen = _pairs(learned.take(np.full(len(learned), not self.again)), place, len(self.users))
        self.histories = histories_of(learned.user, learned.item, learned.label > 0, learned.ts_us, len(dataset.users))
        self.as_of_us = as_of_us(learned, dataset.meta)
        self.allowed = dataset.facts.available & (np.arange(len(dataset.items)) > 0)
        self.k = min(K, max(SMALLEST_K, int(CATALOGUE_SHARE * len(dataset.items))))

    def blend(self, model: DSSM, inputs: Inputs) -> tuple[Blend, ValidationLists]:
        """Weights of the channels, learned from the slice's clicks, and the lists that they make."""
        items, users = self._vectors(model, inputs)
        channels = channels_at(users, items, self.histories, self.users, again=self.again)
        known = fit_blend(channels, self.targets, self.seen, self.allowed)
        unknown = Channels(self.by_tags(model, inputs, items), items, channels.for_all, {}, {})
        newcomers = fit_newcomers(unknown, channels.newcomers(slice(0, len(channels))), self.targets, self.seen, self.allowed)
        blend = Blend(known.weights, newcomers.weights)
        seen = (self.seen.offsets, self.seen.items)
        lists = [blend.best(channels, part, ~self.allowed, seen, LIST_SIZE)[0] for part in blocks(len(channels), len(items))]
        return blend, ValidationLists(self.users.astype(np.int32), np.vstack(lists))

    def __call__(self, model: DSSM, inputs: Inputs) -> float:
        items, users = self._vectors(model, inputs)
        ranked = top_items(users, items, self.k, self.allowed, (self.seen.offsets, self.seen.items))
        return float(np.nanmean(recall_at_k(hits(ranked, self.targets), self.targets.counts(), self.k)))

    def _vectors(self, model: DSSM, inputs: Inputs) -> tuple[Tensor, Tensor]:
        items = item_vectors(model, inputs.items)
        return items, user_vectors(model, inputs.users, self.histories, self.as_of_us, self.users, items)

    def by_tags(self, model: DSSM, inputs: Inputs, items: Tensor) -> Tensor:
        """The users as if nobody knew them: without ids and without histories."""
        return user_vectors(model, inputs.users.without_ids(), no_histories(len(self.histories)), None, self.users, items)


def _pairs(rows: Interactions, place: npt.NDArray[np.int64], n_users: int) -> Relevant:
    """Clicks of the users that ``place`` numbers from 0 (-1: not asked)."""
    mine = (rows.label > 0) & (place[rows.user] >= 0)
    return relevant_items(place[rows.user[mine]], rows.item[mine], n_users)
