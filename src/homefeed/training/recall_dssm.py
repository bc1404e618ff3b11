"""Fits the two towers, by either of the contract's two objectives.

Rows that the ETL drew are left out: a tower draws its own negatives, others in every step, and a row that nobody was shown must not count as shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RecallConfig, TrainConfig
from homefeed.core.progress import Progress
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs, inputs_for
from homefeed.models.weights import ModelWeights
from homefeed.training.recall_objectives import inbatch_step, pointwise_step
from homefeed.training.recall_validation import Validation
from homefeed.training.three_fits import Fitted, three_fits
from homefeed.training.trainer import Schedule, Validate, run_epochs

Objective = Literal["pointwise", "inbatch"]
STEPS = {"pointwise": pointwise_step, "inbatch": inbatch_step}


def train_recall(dataset: ProcessedDataset, objective: Objective, config: RecallConfig, train: TrainConfig, *, refit: bool, progress: Progress) -> Fitted:
    """The reported and the served recall model. Epochs are chosen by recall@50 on the validation slice."""

    def fit(rows: Interactions, epochs: int, validation: Interactions | None) -> tuple[ModelWeights, int]:
        return _fit(rows, epochs, validation, dataset, objective, config, train, progress)

    logged = replace(dataset, train=dataset.train.of_the_log(), test=dataset.test.of_the_log())
    return three_fits(fit, logged, config.max_epochs, train.validation_fraction, refit)


def _fit(
    rows: Interactions,
    epochs: int,
    validation: Interactions | None,
    dataset: ProcessedDataset,
    objective: Objective,
    config: RecallConfig,
    train: TrainConfig,
    progress: Progress,
) -> tuple[ModelWeights, int]:
    torch.manual_seed(train.seed)
    inputs = inputs_for(dataset.users, dataset.items, rows.user, rows.item, dataset.map_size, train.min_count)
    model = _new_model(inputs, config)
    step, n_rows = STEPS[objective](model, inputs, rows, config, train)
    score = Validation(dataset, rows, validation) if validation and validation.label.any() else None
    title = f"DSSM {objective} on " + ("all but the validation slice" if validation else f"{n_rows:,} rows")
    validate = Validate(f"recall@{score.k}", lambda: score(model, inputs)) if score else None
    schedule = Schedule(epochs, config.patience, config.batch_size, config.learning_rate, config.weight_decay)
    best = run_epochs(model, step, n_rows, schedule, train.seed, title, progress, validate)
    settings = {"epochs": best, "n_fields": {"user": inputs.users.n_fields, "item": inputs.items.n_fields}}
    settings |= config.model_dump(mode="json") | train.model_dump(mode="json")
    return model.to_weights(f"dssm_{objective}", inputs.vocabulary, inputs.user_scale, inputs.item_scale, settings), best


def _new_model(inputs: Inputs, config: RecallConfig) -> DSSM:
    user_inputs, item_inputs = ((side.n_fields, int(side.dense.shape[1])) for side in (inputs.users, inputs.items))
    return DSSM(inputs.vocabulary, config.embedding_dim, config.hidden, config.output_dim, user_inputs, item_inputs)
