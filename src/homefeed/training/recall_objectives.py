"""The two objectives of the recall model: what one batch's loss is.

Both end with the same vectors and the same dot product. Neither builds a users x items matrix of the data.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from homefeed.artifacts.processed import Interactions
from homefeed.config import RecallConfig, TrainConfig
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs, SideInput
from homefeed.training.trainer import Step

SHOWN_WEIGHT = 0.3
"""What the log's own rows count beside the drawn negatives. They tell what is clicked when shown; the drawn ones tell what is shown at all."""
NEGATIVE_WEIGHT = 20.0
"""Drawn negatives of one click count as much as so many clicks together. With 1, 10, 100: validation recall@50 of .132, .153, .145 on a simulated shop."""


def pointwise_step(model: DSSM, inputs: Inputs, rows: Interactions, config: RecallConfig, train: TrainConfig) -> tuple[Step, int]:
    """Binary cross-entropy on the log's own rows, and on each click against drawn items that its user was not shown.

    The step and its number of rows. Drawn items are shared by the batch; one that is the row's own click is masked.
    """
    user, item, label, weight = _tensors(rows)
    n_items = len(inputs.items)

    def step(index: Tensor, generator: torch.Generator) -> Tensor:
        users = model.user_vectors(_hidden(inputs.users.rows(user[index]), inputs, train, generator))
        own = model.item_vectors(_hidden(inputs.items.rows(item[index]), inputs, train, generator))
        paired = model.logits((users * own).sum(1))
        shown = F.binary_cross_entropy_with_logits(paired, label[index], weight[index])
        clicked = label[index] > 0
        drawn = torch.randint(1, n_items, (config.negatives,), generator=generator)
        others = model.item_vectors(_hidden(inputs.items.rows(drawn), inputs, train, generator))
        logits = model.logits(users[clicked] @ others.T)
        logits = logits.masked_fill(drawn.unsqueeze(0) == item[index][clicked].unsqueeze(1), -30.0)
        against_drawn = (weight[index][clicked] * (F.softplus(-paired[clicked]) + NEGATIVE_WEIGHT * F.softplus(logits).mean(1))).mean()
        return SHOWN_WEIGHT * shown + (against_drawn if clicked.any() else 0.0)

    return step, len(rows)


def inbatch_step(model: DSSM, inputs: Inputs, rows: Interactions, config: RecallConfig, train: TrainConfig) -> tuple[Step, int]:
    """Softmax of each click against the batch's other clicked items, corrected for how often an item is drawn (logQ; Yi et al., RecSys 2019).

    A small catalogue needs no sample: there the softmax runs over all items.
    """
    user, item, _, weight = _tensors(rows.take(rows.label > 0))
    log_q = torch.bincount(item, minlength=len(inputs.items)).clamp(min=1).log() - np.log(max(len(item), 1))
    small = len(inputs.items) <= config.full_softmax_items
    everything = torch.arange(1, len(inputs.items))

    def step(index: Tensor, generator: torch.Generator) -> Tensor:
        users = model.user_vectors(_hidden(inputs.users.rows(user[index]), inputs, train, generator))
        pool = everything if small else torch.unique(item[index])
        items = model.item_vectors(_hidden(inputs.items.rows(pool), inputs, train, generator))
        logits = model.log_scale.exp() * (users @ items.T)
        if not small:
            logits = logits - log_q[pool]
        target = torch.searchsorted(pool, item[index])
        return (F.cross_entropy(logits, target, reduction="none") * weight[index]).mean()

    return step, len(user)


def _hidden(side: SideInput, inputs: Inputs, train: TrainConfig, generator: torch.Generator) -> SideInput:
    return side.hidden_at_random(train.unknown_rate, inputs.vocabulary.padding, generator)


def _tensors(rows: Interactions) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    user, item = (torch.from_numpy(column.astype(np.int64)) for column in (rows.user, rows.item))
    return user, item, torch.from_numpy(rows.label), torch.from_numpy(rows.weight)
