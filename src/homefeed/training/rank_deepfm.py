"""Fits DeepFM on impressions: the chance of a click from who, what and how hot it was just then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.artifacts.validation_lists import ValidationLists
from homefeed.config import RankConfig, TrainConfig
from homefeed.core.progress import Progress
from homefeed.metrics.classification import row_log_loss
from homefeed.models.deepfm import DeepFM
from homefeed.models.inputs import Inputs, inputs_for, inputs_of
from homefeed.models.slate_value import SlateValue
from homefeed.models.weights import ModelWeights
from homefeed.training.slate_weights import fit_slate_value
from homefeed.training.three_fits import Fitted, three_fits
from homefeed.training.trainer import Schedule, Validate, Work, run_epochs, shuffled_rows

SCORING_BATCH = 65_536
DECAY = 0.9
"""What is left of the step size after each epoch."""


def train_rank(
    dataset: ProcessedDataset, config: RankConfig, train: TrainConfig, *, refit: bool, progress: Progress, lists: ValidationLists | None = None
) -> Fitted:
    """The reported and the served ranker. Epochs are chosen by log loss on the validation slice.

    ``lists``: what the recall stage would have listed just before the slice; without them slates are sorted by pCTR alone.
    """
    return three_fits(_Fit(dataset, lists, config, train, progress), dataset, config.max_epochs, train.validation_fraction, refit)


def predict(weights: ModelWeights, dataset: ProcessedDataset, rows: Interactions) -> npt.NDArray[np.float32]:
    """float32[N]: pCTR of log rows, each with the hotness of its own moment."""
    inputs = inputs_of(weights, dataset.users, dataset.items)
    return _predict(DeepFM.from_weights(weights), inputs, _LogRows(rows, weights.config["hotness_mean"], weights.config["hotness_std"]))


class _LogRows:
    """Log rows as tensors; hotness as ``(log1p(global_score) - mean) / std``."""

    def __init__(self, rows: Interactions, mean: float, std: float) -> None:
        self.mean, self.std = mean, std
        self.user = torch.from_numpy(rows.user.astype(np.int64))
        self.item = torch.from_numpy(rows.item.astype(np.int64))
        self.label = torch.from_numpy(rows.label)
        self.weight = torch.from_numpy(rows.weight)
        self.hotness = torch.from_numpy(((np.log1p(rows.hotness) - mean) / std).astype(np.float32))

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(cls, rows: Interactions) -> _LogRows:
        """With the mean and the spread of their own hotness."""
        log_hotness = np.log1p(rows.hotness)
        return cls(rows, float(log_hotness.mean()), float(log_hotness.std()) or 1.0)


@dataclass(slots=True)
class _Fit:
    """The search (the fit with a validation) learns what slates are sorted by, which the fits after it keep."""

    dataset: ProcessedDataset
    lists: ValidationLists | None
    config: RankConfig
    train: TrainConfig
    progress: Progress
    value: SlateValue = SlateValue()  # noqa: RUF009 - frozen

    def __call__(self, rows: Interactions, epochs: int, validation: Interactions | None) -> tuple[ModelWeights, int]:
        torch.manual_seed(self.train.seed)
        logged, dataset = rows.of_the_log(), self.dataset  # what was only drawn makes no id known
        inputs = inputs_for(dataset.users, dataset.items, logged.user, logged.item, dataset.map_size, self.train.min_count)
        learn = _LogRows.of(rows)
        click_rate = float(np.average(rows.label, weights=rows.weight))
        model = DeepFM(inputs.vocabulary, self.config.embedding_dim, self.config.hidden, inputs.n_dense + 1, self.config.dropout, click_rate)
        if not 0 < rows.label.mean() < 1:
            if validation:
                self.progress.say("DeepFM: the rows have one label only, there is nothing to rank by; slates keep the recall order")
            model.forget_all_but_the_bias()
            return self._weights(model, inputs, learn, 0), 1
        best = self._run(model, inputs, learn, epochs, validation)
        if validation is not None and self.lists is not None:
            self._weigh(model, inputs, learn, rows, validation, self.lists)
        return self._weights(model, inputs, learn, best), best

    def _run(self, model: DeepFM, inputs: Inputs, learn: _LogRows, epochs: int, validation: Interactions | None) -> int:
        title = "DeepFM on all but the validation slice" if validation else f"DeepFM on {len(learn):,} rows"
        work = Work(title, len(learn), shuffled_rows(len(learn), self.config.batch_size), self._step(model, inputs, learn), len)
        optimiser = torch.optim.Adam(model.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay, fused=True)
        validate = _validate(model, inputs, learn, validation) if validation else None
        schedule = Schedule(epochs, self.config.patience, DECAY, warm_up=0)
        return run_epochs(model, optimiser, work, schedule, self.train.seed, self.progress, validate)

    def _step(self, model: DeepFM, inputs: Inputs, learn: _LogRows) -> Callable[[Tensor, torch.Generator], Tensor]:
        rate, padding = self.train.unknown_rate, inputs.vocabulary.padding

        def step(index: Tensor, generator: torch.Generator) -> Tensor:
            sides = (inputs.users.rows(learn.user[index]), inputs.items.rows(learn.item[index]))
            user, item = (side.hidden_at_random(rate, padding, generator) for side in sides)
            return F.binary_cross_entropy_with_logits(model(user, item, learn.hotness[index]), learn.label[index], learn.weight[index])

        return step

    def _weigh(self, model: DeepFM, inputs: Inputs, learn: _LogRows, rows: Interactions, validation: Interactions, lists: ValidationLists) -> None:
        hotness = np.zeros(len(self.dataset.items), np.float32)
        in_time = np.argsort(rows.ts_us, kind="stable")
        hotness[rows.item[in_time]] = rows.hotness[in_time]  # of each item's latest row

        def p_click(user: npt.NDArray[np.int32], item: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
            asked = replace(rows.take(np.zeros(len(user), np.int64)), user=user, item=item, hotness=hotness[item])
            return _predict(model, inputs, _LogRows(asked, learn.mean, learn.std))

        self.value = fit_slate_value(lists, p_click, validation)
        self.progress.say(f"slates are sorted by {self.value.p_click:.2f} logit(pCTR) - {self.value.place:.2f} ln(place in the list)")

    def _weights(self, model: DeepFM, inputs: Inputs, learn: _LogRows, epochs: int) -> ModelWeights:
        settings: dict[str, Any] = {"hotness_mean": learn.mean, "hotness_std": learn.std, "epochs": epochs, "slate": asdict(self.value)}
        settings |= self.config.model_dump(mode="json") | self.train.model_dump(mode="json")
        return model.to_weights(inputs.vocabulary, inputs.user_scale, inputs.item_scale, settings)


def _validate(model: DeepFM, inputs: Inputs, learn: _LogRows, validation: Interactions) -> Validate:
    """The loss that is trained, or a weighted shop would always stop at once."""
    rows = _LogRows(validation, learn.mean, learn.std)

    def score() -> float:
        return -float(np.average(row_log_loss(validation.label, _predict(model, inputs, rows)), weights=validation.weight))

    return Validate("log loss against drawn negatives" if validation.drawn.any() else "log loss", score)


def _predict(model: DeepFM, inputs: Inputs, rows: _LogRows) -> npt.NDArray[np.float32]:
    model.eval()
    parts = []
    with torch.inference_mode():
        for index in torch.split(torch.arange(len(rows)), SCORING_BATCH):
            logits = model(inputs.users.rows(rows.user[index]), inputs.items.rows(rows.item[index]), rows.hotness[index])
            parts.append(torch.sigmoid(logits))
    scores: npt.NDArray[np.float32] = torch.cat(parts).numpy()
    return scores
