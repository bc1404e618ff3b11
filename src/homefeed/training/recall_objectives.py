"""The two objectives of the recall model: what one batch's loss is.

Both end with the same vectors and the same dot product. Neither builds a users x items matrix of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from homefeed.artifacts.processed import Interactions
from homefeed.config import RecallConfig, TrainConfig
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs, SideInput
from homefeed.models.losses import Targets, half_is_fast, pool_loss
from homefeed.training.sequences import SequenceBatch, Shown, TrainingSequences, Window

Objective = Literal["pointwise", "inbatch"]

SHOWN_WEIGHT = 0.3
"""What the log's own rows count in the pointwise loss beside all items as negatives. They tell what is clicked when shown; the others what is shown at all."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Items that a batch is measured against: ``rows`` i64[P], ascending, and ``log_inclusion`` f32[P], log of each one's chance to be in it."""

    rows: Tensor
    log_inclusion: Tensor

    def column(self, item: Tensor) -> Tensor:
        """Where items of the pool stand in it."""
        return torch.searchsorted(self.rows, item)


class Pools:
    """The whole catalogue where it is small; else the batch's own items (shown in vain or clicked: the hard ones) and ``negatives`` drawn evenly."""

    def __init__(self, rows: Interactions, n_items: int, config: RecallConfig) -> None:
        self.n_items, self.negatives, self.whole = n_items, config.negatives, n_items <= config.full_softmax_items
        self.share = torch.from_numpy((np.bincount(rows.item, minlength=n_items) / max(len(rows), 1)).astype(np.float32))

    def of(self, batch: SequenceBatch, generator: torch.Generator) -> Pool:
        if self.whole:
            return Pool(torch.arange(self.n_items), torch.zeros(self.n_items))
        drawn = torch.randint(1, self.n_items, (self.negatives,), generator=generator)
        rows = torch.unique(torch.cat([batch.events.item.flatten(), batch.targets.column, batch.shown.item, drawn]))
        expected = batch.events.item.numel() * self.share[rows] + self.negatives / self.n_items
        return Pool(rows, expected.clamp(max=1.0).log())


def objective_step(
    model: DSSM, inputs: Inputs, rows: Interactions, sequences: TrainingSequences, objective: Objective, config: RecallConfig, train: TrainConfig
) -> Callable[[list[Window], torch.Generator], Tensor]:
    """One batch's loss. Pointwise: binary cross-entropy of each click against every other item, and on the log's own rows. In-batch: softmax."""
    pools, half = Pools(rows, len(inputs.items), config), half_is_fast()

    def step(windows: list[Window], generator: torch.Generator) -> Tensor:
        batch = sequences.batch(windows)
        pool = pools.of(batch, generator)
        vectors, bias = model.items(_hidden(inputs.items, inputs, train, generator))
        users = _hidden(inputs.users.rows(batch.users), inputs, train, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            wanted = model.wanted(users, batch.events, vectors).float().flatten(0, 1)
        asked, row = torch.unique(batch.targets.row, return_inverse=True)
        targets = Targets(row, pool.column(batch.targets.column), batch.targets.weight)
        kind: Literal["softmax", "bce"] = "bce" if objective == "pointwise" else "softmax"
        loss = pool_loss(wanted[asked], vectors[pool.rows], bias[pool.rows], targets, pool.log_inclusion, kind, half=half)
        return loss + SHOWN_WEIGHT * _shown_loss(wanted, vectors, bias, batch.shown) if objective == "pointwise" else loss

    return step


def _shown_loss(wanted: Tensor, vectors: Tensor, bias: Tensor, shown: Shown) -> Tensor:
    """Mean binary cross-entropy of the log's own rows, each asked at the place before it."""
    if not len(shown.place):
        return torch.zeros(())
    logits = (wanted[shown.place] * vectors[shown.item]).sum(1) + bias[shown.item]
    return F.binary_cross_entropy_with_logits(logits, shown.clicked, shown.weight)


def _hidden(side: SideInput, inputs: Inputs, train: TrainConfig, generator: torch.Generator) -> SideInput:
    return side.hidden_at_random(train.unknown_rate, inputs.vocabulary.padding, generator)
