"""Fits DeepFM on impressions: the chance of a click from who, what and how hot it was just then."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RankConfig, TrainConfig
from homefeed.core.progress import Progress
from homefeed.metrics.classification import row_log_loss
from homefeed.models.deepfm import DeepFM
from homefeed.models.inputs import Inputs, inputs_for, inputs_of
from homefeed.models.weights import ModelWeights
from homefeed.training.three_fits import Fitted, three_fits
from homefeed.training.trainer import Schedule, Validate, Work, run_epochs, shuffled_rows

SCORING_BATCH = 65_536
DECAY = 0.9
"""What is left of the step size after each epoch."""


def train_rank(dataset: ProcessedDataset, config: RankConfig, train: TrainConfig, *, refit: bool, progress: Progress) -> Fitted:
    """The reported and the served ranker. Epochs are chosen by log loss on the validation slice."""

    def fit(rows: Interactions, epochs: int, validation: Interactions | None) -> tuple[ModelWeights, int]:
        return _fit(rows, epochs, validation, dataset, config, train, progress)

    return three_fits(fit, dataset, config.max_epochs, train.validation_fraction, refit)


def predict(weights: ModelWeights, dataset: ProcessedDataset, rows: Interactions) -> npt.NDArray[np.float32]:
    """float32[N]: pCTR of log rows, each with the hotness of its own moment."""
    inputs = inputs_of(weights, dataset.users, dataset.items)
    return _predict(DeepFM.from_weights(weights), inputs, _LogRows(rows, weights.config["hotness_mean"], weights.config["hotness_std"]))


class _LogRows:
    """Log rows as tensors; hotness as ``(log1p(global_score) - mean) / std``."""

    def __init__(self, rows: Interactions, mean: float, std: float) -> None:
        self.user = torch.from_numpy(rows.user.astype(np.int64))
        self.item = torch.from_numpy(rows.item.astype(np.int64))
        self.label = torch.from_numpy(rows.label)
        self.weight = torch.from_numpy(rows.weight)
        self.hotness = torch.from_numpy(((np.log1p(rows.hotness) - mean) / std).astype(np.float32))

    def __len__(self) -> int:
        return len(self.user)


def _fit(
    rows: Interactions,
    epochs: int,
    validation: Interactions | None,
    dataset: ProcessedDataset,
    config: RankConfig,
    train: TrainConfig,
    progress: Progress,
) -> tuple[ModelWeights, int]:
    torch.manual_seed(train.seed)
    logged = rows.of_the_log()  # what was only drawn makes no id known
    inputs = inputs_for(dataset.users, dataset.items, logged.user, logged.item, dataset.map_size, train.min_count)
    log_hotness = np.log1p(rows.hotness)
    mean, std = float(log_hotness.mean()), float(log_hotness.std()) or 1.0
    learn = _LogRows(rows, mean, std)
    model = DeepFM(
        inputs.vocabulary, config.embedding_dim, config.hidden, inputs.n_dense + 1, config.dropout, float(np.average(rows.label, weights=rows.weight))
    )

    def step(index: Tensor, generator: torch.Generator) -> Tensor:
        user, item = inputs.users.rows(learn.user[index]), inputs.items.rows(learn.item[index])
        padding = inputs.vocabulary.padding
        user, item = (side.hidden_at_random(train.unknown_rate, padding, generator) for side in (user, item))
        return F.binary_cross_entropy_with_logits(model(user, item, learn.hotness[index]), learn.label[index], learn.weight[index])

    def validate() -> float:
        assert validation is not None  # noqa: S101 - only called with one
        loss = row_log_loss(validation.label, _predict(model, inputs, _LogRows(validation, mean, std)))
        return -float(np.average(loss, weights=validation.weight))  # the loss that is trained, or a weighted shop would always stop at once

    settings: dict[str, Any] = {"hotness_mean": mean, "hotness_std": std} | config.model_dump(mode="json") | train.model_dump(mode="json")
    if not 0 < rows.label.mean() < 1:
        if validation:
            progress.say("DeepFM: the rows have one label only, there is nothing to rank by; slates keep the recall order")
        model.forget_all_but_the_bias()
        return model.to_weights(inputs.vocabulary, inputs.user_scale, inputs.item_scale, settings | {"epochs": 0}), 1
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    title = "DeepFM on all but the validation slice" if validation else f"DeepFM on {len(rows):,} rows"
    name = "log loss against drawn negatives" if rows.drawn.any() else "log loss"
    work = Work(title, len(rows), shuffled_rows(len(rows), config.batch_size), step, len)
    schedule = Schedule(epochs, config.patience, DECAY, warm_up=0)
    best = run_epochs(model, optimiser, work, schedule, train.seed, progress, Validate(name, validate) if validation else None)
    return model.to_weights(inputs.vocabulary, inputs.user_scale, inputs.item_scale, settings | {"epochs": best}), best


def _predict(model: DeepFM, inputs: Inputs, rows: _LogRows) -> npt.NDArray[np.float32]:
    model.eval()
    parts = []
    with torch.inference_mode():
        for index in torch.split(torch.arange(len(rows)), SCORING_BATCH):
            logits = model(inputs.users.rows(rows.user[index]), inputs.items.rows(rows.item[index]), rows.hotness[index])
            parts.append(torch.sigmoid(logits))
    scores: npt.NDArray[np.float32] = torch.cat(parts).numpy()
    return scores
