"""Fits the ranker on impressions: the chance of a click from who, what and how hot it was just then.

Two parts see the same rows: DeepFM, and a Bayesian factor model (``training.factors``) that knows how little a few rows tell. What each counts
is learned on the validation slice, and with it the calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
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
from homefeed.models.factors import Factors, no_factors
from homefeed.models.inputs import inputs_for, inputs_of
from homefeed.models.mix import Mix
from homefeed.models.orders import OrderModel, chances
from homefeed.models.slate_value import SlateValue
from homefeed.models.weights import ModelWeights
from homefeed.training.calibration import provenance
from homefeed.training.factors.fit import fit_factors
from homefeed.training.mixing import fit_mix
from homefeed.training.orders.fit import OrderFit, of_clicks, order_logits
from homefeed.training.rank_rows import Ranker, RankRows
from homefeed.training.slate_weights import fit_slate_value
from homefeed.training.three_fits import Fitted, three_fits
from homefeed.training.trainer import Schedule, Validate, Work, run_epochs, shuffled_rows

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
    return _ranker_of(weights, dataset).p_click(RankRows(rows, weights.config["hotness_mean"], weights.config["hotness_std"]), Mix.of(weights.config))


def predict_orders(weights: ModelWeights, dataset: ProcessedDataset, rows: Interactions) -> npt.NDArray[np.float32] | None:
    """float32[N]: pCVR of log rows, the chance of an order once they are clicked; None where the ranker knows no orders."""
    model = OrderModel.of(weights.arrays)
    if model is None:
        return None
    ranker = _ranker_of(weights, dataset)
    click_logits = ranker.click_logits(RankRows(rows, weights.config["hotness_mean"], weights.config["hotness_std"]), Mix.of(weights.config))
    return chances(order_logits(model, ranker.inputs, rows, click_logits))


def _ranker_of(weights: ModelWeights, dataset: ProcessedDataset) -> Ranker:
    return Ranker(DeepFM.from_weights(weights), Factors.of(weights.arrays), inputs_of(weights, dataset.users, dataset.items))


@dataclass(slots=True)
class _Fit:
    """The search (the fit with a validation) learns the mix and what slates are sorted by, which the fits after it keep."""

    dataset: ProcessedDataset
    lists: ValidationLists | None
    config: RankConfig
    train: TrainConfig
    progress: Progress
    mix: Mix = Mix()  # noqa: RUF009 - frozen
    value: SlateValue = SlateValue()  # noqa: RUF009 - frozen
    calibration: dict[str, Any] = field(default_factory=dict)
    orders: OrderFit = field(init=False)

    def __post_init__(self) -> None:
        self.orders = OrderFit(self.dataset, self.train.seed, self.progress)

    def __call__(self, rows: Interactions, epochs: int, validation: Interactions | None) -> tuple[ModelWeights, int]:
        torch.manual_seed(self.train.seed)
        logged, dataset = rows.of_the_log(), self.dataset  # what was only drawn makes no id known
        inputs = inputs_for(dataset.users, dataset.items, logged.user, logged.item, dataset.map_size, self.train.min_count)
        learn = RankRows.of(rows)
        click_rate = float(np.average(rows.label, weights=rows.weight))
        model = DeepFM(inputs.vocabulary, self.config.embedding_dim, self.config.hidden, inputs.n_dense + 1, self.config.dropout, click_rate)
        if not 0 < rows.label.mean() < 1:
            if validation:
                self.progress.say("DeepFM: the rows have one label only, there is nothing to rank by; slates keep the recall order")
            model.forget_all_but_the_bias()
            return self._weights(Ranker(model, no_factors(inputs.vocabulary.size, inputs.n_dense), inputs), learn, 0), 1
        title = "all but the validation slice" if validation else f"{len(learn):,} rows"
        factors, of_place = fit_factors(inputs, rows, learn.hotness.numpy(), self.train.seed, self.progress, f"Factors on {title}")
        ranker = Ranker(model, factors, inputs)
        best = self._run(ranker, learn, torch.from_numpy(of_place), f"DeepFM on {title}", epochs, validation)
        if validation is not None:
            self._weigh(ranker, learn, rows, validation)
        return self._weights(ranker, learn, best, self._orders(ranker, learn, rows, title, validation)), best

    def _run(self, ranker: Ranker, learn: RankRows, of_place: Tensor, title: str, epochs: int, validation: Interactions | None) -> int:
        work = Work(title, len(learn), shuffled_rows(len(learn), self.config.batch_size), self._step(ranker, learn, of_place), len)
        optimiser = torch.optim.Adam(ranker.deep.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay, fused=True)
        validate = _validate(ranker, learn, validation) if validation else None
        schedule = Schedule(epochs, self.config.patience, DECAY, warm_up=0)
        return run_epochs(ranker.deep, optimiser, work, schedule, self.train.seed, self.progress, validate)

    def _step(self, ranker: Ranker, learn: RankRows, of_place: Tensor) -> Callable[[Tensor, torch.Generator], Tensor]:
        """``of_place``: f32[N], what a row's place on the page explains; the model need not, and a slate has no places yet."""
        rate, inputs = self.train.unknown_rate, ranker.inputs

        def step(index: Tensor, generator: torch.Generator) -> Tensor:
            sides = (inputs.users.rows(learn.user[index]), inputs.items.rows(learn.item[index]))
            user, item = (side.hidden_at_random(rate, inputs.vocabulary.padding, generator) for side in sides)
            logits = ranker.deep(user, item, learn.hotness[index]) + of_place[index]
            return F.binary_cross_entropy_with_logits(logits, learn.label[index], learn.weight[index])

        return step

    def _weigh(self, ranker: Ranker, learn: RankRows, rows: Interactions, validation: Interactions) -> None:
        unseen = RankRows(validation, learn.mean, learn.std)
        deep, factors = ranker.deep_logits(unseen), ranker.factor_logits(unseen)
        self.mix = fit_mix(deep, factors, validation.label)
        self.calibration = provenance(self.mix, deep, factors, validation)
        self.progress.say(f"logit(pCTR) = {self.mix.intercept:.2f} + {self.mix.deep:.2f} DeepFM + {self.mix.factors:.2f} factors")
        if self.lists is None:
            return
        hotness = np.zeros(len(self.dataset.items), np.float32)
        in_time = np.argsort(rows.ts_us, kind="stable")
        hotness[rows.item[in_time]] = rows.hotness[in_time]  # of each item's latest row

        def p_click(user: npt.NDArray[np.int32], item: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
            asked = replace(rows.take(np.zeros(len(user), np.int64)), user=user, item=item, hotness=hotness[item])
            return ranker.p_click(RankRows(asked, learn.mean, learn.std), self.mix)

        self.value = fit_slate_value(self.lists, p_click, validation)
        self.progress.say(f"slates are sorted by {self.value.p_click:.2f} logit(pCTR) - {self.value.place:.2f} ln(place in the list)")

    def _orders(self, ranker: Ranker, learn: RankRows, rows: Interactions, title: str, validation: Interactions | None) -> OrderModel | None:
        """None where the rows hold no orders to learn from."""

        def of(part: Interactions) -> tuple[Interactions, npt.NDArray[np.float32]]:
            clicks = of_clicks(part)
            return clicks, ranker.click_logits(RankRows(clicks, learn.mean, learn.std), self.mix)

        if rows.ordered is None or (model := self.orders.fit(ranker.inputs, *of(rows), f"Orders of clicks in {title}")) is None:
            return None
        if validation is not None and validation.label.any():
            self.orders.correct(model, ranker.inputs, *of(validation))
        return self.orders.calibrated(model)

    def _weights(self, ranker: Ranker, learn: RankRows, epochs: int, orders: OrderModel | None = None) -> ModelWeights:
        inputs = ranker.inputs
        settings: dict[str, Any] = {"hotness_mean": learn.mean, "hotness_std": learn.std, "epochs": epochs, "calibration": self.calibration}
        settings |= {"mix": asdict(self.mix), "slate": asdict(self.value)} | self.config.model_dump(mode="json") | self.train.model_dump(mode="json")
        if orders is not None:
            settings["orders"] = self.orders.said()
        weights = ranker.deep.to_weights(inputs.vocabulary, inputs.user_scale, inputs.item_scale, settings)
        return replace(weights, arrays=dict(weights.arrays) | ranker.factors.arrays() | (orders.arrays() if orders else {}))


def _validate(ranker: Ranker, learn: RankRows, validation: Interactions) -> Validate:
    """The loss that is trained, or a weighted shop would always stop at once."""
    rows = RankRows(validation, learn.mean, learn.std)

    def score() -> float:
        return -float(np.average(row_log_loss(validation.label, ranker.p_click(rows, Mix())), weights=validation.weight))

    return Validate("log loss against drawn negatives" if validation.drawn.any() else "log loss", score)
