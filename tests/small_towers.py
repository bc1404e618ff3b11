"""A small recall model whose every weight matters, and users with histories of given lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.features.history import Histories, histories_of
from homefeed.models.dimensions import Dimensions
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs
from homefeed.models.tower import History
from homefeed.models.weights import ModelWeights

DIM, HEADS, LAYERS, MAX_EVENTS = 6, 2, 2, 5
START_US, SECOND_US = 1_700_000_000_000_000, 1_000_000


def small_dssm(vocabulary: Vocabulary, user: tuple[int, int], item: tuple[int, int], *, seed: int = 0, max_events: int = MAX_EVENTS) -> DSSM:
    """``user`` and ``item``: (fields, dense features). Weights are of the size that training leaves, not that it starts from."""
    generator = torch.Generator().manual_seed(seed)
    model = DSSM(vocabulary, Dimensions(DIM, HEADS, LAYERS, max_events, user, item), dropout=0.3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        model.embedding.weight[vocabulary.padding] = 0
        model.bias.weight[vocabulary.padding] = 0
    return model.eval()


def dssm_for(inputs: Inputs, *, seed: int = 0, max_events: int = MAX_EVENTS) -> DSSM:
    user, item = ((side.n_fields, int(side.dense.shape[1])) for side in (inputs.users, inputs.items))
    return small_dssm(inputs.vocabulary, user, item, seed=seed, max_events=max_events)


def weights_of(model: DSSM, vocabulary: Vocabulary, user_scale: NumberScale, item_scale: NumberScale, fields: tuple[int, int]) -> ModelWeights:
    """``fields``: of a user and of an item."""
    config: dict[str, Any] = {"n_fields": {"user": fields[0], "item": fields[1]}, "heads": HEADS, "max_events": MAX_EVENTS, "blend": {"dssm": 1.0}}
    return model.to_weights("dssm_pointwise", vocabulary, user_scale, item_scale, config)


def histories_with(counts: Sequence[int], n_items: int, seed: int = 0) -> Histories:
    """So many events of each user, of items 1..n_items - 1, seconds to weeks apart, half of them clicks."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    ts = START_US + np.cumsum((10 ** rng.uniform(0, 6, len(user))).astype(np.int64)) * SECOND_US
    return histories_of(user, rng.integers(1, n_items, len(user)).astype(np.int32), rng.random(len(user)) < 0.5, ts, len(counts))


def history_of(histories: Histories, user: int, as_of_us: int | None) -> History:
    """What one user did, as a request reads it."""
    part = slice(histories.offsets[user], histories.offsets[user + 1])
    return History(histories.item[part], histories.clicked[part], histories.gaps(as_of_us)[part])
