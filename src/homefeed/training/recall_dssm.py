"""Fits the two towers, by either of the contract's two objectives.

Rows that the ETL drew are left out: a tower is measured against all items anyway, and a row that nobody was shown must not count as shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.artifacts.validation_lists import ValidationLists
from homefeed.config import RecallConfig, TrainConfig
from homefeed.core.progress import Progress
from homefeed.models.channels.blend import DSSM_ALONE, Blend
from homefeed.models.channels.names import BLEND, NEWCOMERS
from homefeed.models.dimensions import Dimensions
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs, inputs_for
from homefeed.models.weights import ModelWeights
from homefeed.training.recall_objectives import Objective, objective_step
from homefeed.training.recall_validation import Validation
from homefeed.training.sequences import TrainingSequences, Window
from homefeed.training.three_fits import Fitted, as_of_us, three_fits
from homefeed.training.trainer import Schedule, Validate, Work, run_epochs

LAYERS, HEADS = 2, 2
"""Transformer blocks that read a history, and attention heads of each."""
BETAS, DECAY, WARM_UP_STEPS = (0.9, 0.98), 0.85, 100
"""Of AdamW: its moments' memory, what is left of the step size after each epoch, steps until it has its full size."""
UNSEEN_CLICKS = 0.5
"""Clicks that an item nobody clicked starts from."""


def train_recall(dataset: ProcessedDataset, objective: Objective, config: RecallConfig, train: TrainConfig, *, refit: bool, progress: Progress) -> Fitted:
    """The reported and the served recall model. Epochs are chosen by recall@50 on the validation slice.

    With the lists for that slice's users, of the model that has not seen it.
    """
    logged = replace(dataset, train=dataset.train.of_the_log(), test=dataset.test.of_the_log())
    fit = _Fit(logged, objective, config, train, progress)
    fitted = three_fits(fit, logged, config.max_epochs, train.validation_fraction, refit)
    return replace(fitted, validation_lists=fit.lists)


@dataclass(slots=True)
class _Fit:
    """The search (the fit with a validation) learns the blend of the channels, which the fits after it keep, and leaves its lists."""

    dataset: ProcessedDataset
    objective: Objective
    config: RecallConfig
    train: TrainConfig
    progress: Progress
    blend: Blend = DSSM_ALONE
    lists: ValidationLists | None = None

    def __call__(self, rows: Interactions, epochs: int, validation: Interactions | None) -> tuple[ModelWeights, int]:
        torch.manual_seed(self.train.seed)
        dataset, config = self.dataset, self.config
        inputs = inputs_for(dataset.users, dataset.items, rows.user, rows.item, dataset.map_size, self.train.min_count)
        model = DSSM(inputs.vocabulary, _dimensions(inputs, config), config.dropout)
        _start_from_popularity(model, inputs, rows)
        sequences = TrainingSequences(rows, len(dataset.users), as_of_us(rows, dataset.meta), config.max_events, config.batch_events)
        optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=BETAS, fused=True)
        schedule = Schedule(epochs, config.patience, DECAY, WARM_UP_STEPS)
        asked = Validation(dataset, rows, validation) if validation is not None and validation.label.any() else None
        validate = Validate(f"recall@{asked.k}", lambda: asked(model, inputs)) if asked else None
        work = self._work(model, inputs, rows, sequences, validation is not None)
        best = run_epochs(model, optimiser, work, schedule, self.train.seed, self.progress, validate)
        if asked:
            self.blend, self.lists = asked.blend(model, inputs)
            self.progress.say(f"blend of the channels: {_told(self.blend.weights)}")
            self.progress.say(f"for newcomers: {_told(self.blend.newcomers or {})}")
        return self._weights(model, inputs, best), best

    def _work(self, model: DSSM, inputs: Inputs, rows: Interactions, sequences: TrainingSequences, searching: bool) -> Work[list[Window]]:
        def epoch(generator: torch.Generator) -> list[list[Window]]:
            return sequences.batches(np.random.default_rng(int(torch.randint(2**31, (), generator=generator))))

        step = objective_step(model, inputs, rows, sequences, self.objective, self.config, self.train)
        title = f"DSSM {self.objective} on " + ("all but the validation slice" if searching else f"{len(rows):,} rows")
        return Work(title, len(rows), epoch, step, lambda windows: sum(window.stop - window.start for window in windows))

    def _weights(self, model: DSSM, inputs: Inputs, epochs: int) -> ModelWeights:
        settings: dict[str, Any] = {"epochs": epochs, "n_fields": {"user": inputs.users.n_fields, "item": inputs.items.n_fields}}
        settings |= {BLEND: dict(self.blend.weights), "heads": HEADS}
        settings |= {} if self.blend.newcomers is None else {NEWCOMERS: dict(self.blend.newcomers)}
        settings |= self.config.model_dump(mode="json") | self.train.model_dump(mode="json")
        return model.to_weights(f"dssm_{self.objective}", inputs.vocabulary, inputs.user_scale, inputs.item_scale, settings)


def _told(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:+.2f}" for name, weight in weights.items())


def _dimensions(inputs: Inputs, config: RecallConfig) -> Dimensions:
    user, item = ((side.n_fields, int(side.dense.shape[1])) for side in (inputs.users, inputs.items))
    return Dimensions(config.output_dim, HEADS, LAYERS, config.max_events, user, item)


def _start_from_popularity(model: DSSM, inputs: Inputs, rows: Interactions) -> None:
    """An item's bias begins at the log of its share of the clicks: a few hundred steps of Adam would not get it there."""
    clicks = np.bincount(rows.item[rows.label > 0], minlength=len(inputs.items))
    own_row = inputs.items.fields[:, 0]
    by_row = torch.zeros(inputs.vocabulary.size).index_add_(0, own_row, torch.from_numpy(clicks.astype(np.float32)))
    items_of_row = torch.zeros(inputs.vocabulary.size).index_add_(0, own_row, torch.ones(len(own_row)))
    share = (by_row / items_of_row.clamp(min=1) + UNSEEN_CLICKS) / (clicks.sum() + UNSEEN_CLICKS * len(inputs.items))
    with torch.no_grad():
        model.bias.weight[torch.unique(own_row), 0] = share.log()[torch.unique(own_row)]
