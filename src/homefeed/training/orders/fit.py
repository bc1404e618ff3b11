"""The order model of a ranker: fitted on the clicked rows, corrected on the validation slice's, carried through the three fits.

p(order | click) is asked of every impression and learned from the clicked ones, as sure of itself as these allow. logit(pCTR) among what it reads is
what carries it over to rows that nobody clicks: the loss over all impressions (ESMM, Ma et al., SIGIR 2018) was measured and told less (docs/orders.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.core.progress import Progress
from homefeed.models.factors import Factors, no_factors
from homefeed.models.inputs import Inputs
from homefeed.models.orders import OrderModel
from homefeed.training.factors.fit import fit_factors
from homefeed.training.orders.calibration import Calibration, fit_calibration
from homefeed.training.orders.delay import Delay, age_hours, fit_delay
from homefeed.training.orders.worth import relative_worth

FEWEST = 10
"""Fewer orders tell no click from another: all of them are as likely."""

Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class OrderFit:
    """The search (the fit with a validation) learns the calibration, which the fits after it keep."""

    dataset: ProcessedDataset
    seed: int
    progress: Progress
    delay: Delay = field(init=False)
    calibration: Calibration = Calibration()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        rows = of_clicks(self.dataset.train)
        ordered = rows.ordered if rows.ordered is not None else np.zeros(len(rows), np.float32)
        self.delay = fit_delay(age_hours(self.dataset, rows), ordered)

    def fit(self, inputs: Inputs, rows: Interactions, click_logits: Floats, title: str) -> OrderModel | None:
        """``rows``: clicks, with float32[N] logit(pCTR). None where the shop keeps no orders, or these clicks tell none from others."""
        if rows.ordered is None or rows.value is None or not 0 < rows.ordered.mean() < 1:
            return None
        weight = self.delay.weights(age_hours(self.dataset, rows), rows.ordered)
        if rows.ordered.sum() < FEWEST:
            return OrderModel(_one_rate(inputs, float(np.average(rows.ordered, weights=weight))), np.ones(inputs.vocabulary.size, np.float32))
        mean, std = float(click_logits.mean()), float(click_logits.std()) or 1.0
        asked = replace(rows, label=rows.ordered, weight=weight, position=None)
        factors, _ = fit_factors(inputs, asked, (click_logits - mean) / std, self.seed, self.progress, title)
        factors = replace(factors, bias=np.array([factors.bias[0] - factors.bias[1] * mean / std, factors.bias[1] / std], np.float32))
        return OrderModel(factors, _worth(inputs, rows, rows.ordered, rows.value))

    def correct(self, model: OrderModel, inputs: Inputs, rows: Interactions, click_logits: Floats) -> None:
        """``rows``: clicks of the validation slice."""
        if rows.ordered is not None:
            logits = order_logits(model, inputs, rows, click_logits)
            self.calibration = fit_calibration(logits, rows.ordered, self.delay.known(age_hours(self.dataset, rows)))

    def calibrated(self, model: OrderModel) -> OrderModel:
        return replace(model, factors=self.calibration.of(model.factors))

    def said(self) -> dict[str, Any]:
        """For the checkpoint: where its figures come from."""
        return {"slope": self.calibration.slope, "intercept": self.calibration.intercept, "delay_hours": self.delay.hours}


def of_clicks(rows: Interactions) -> Interactions:
    return rows.take(rows.label > 0)


def order_logits(model: OrderModel, inputs: Inputs, rows: Interactions, click_logits: Floats) -> Floats:
    """float32[N]: logit(pCVR) of log rows."""
    factors: Factors = model.factors
    users, items = factors.of_users(inputs.users.encoded()), factors.of_items(inputs.items.encoded())
    return factors.logits(users[rows.user], items[rows.item], click_logits)


def _one_rate(inputs: Inputs, rate: float) -> Factors:
    return replace(no_factors(inputs.vocabulary.size, inputs.n_dense), bias=np.array([np.log(rate / (1 - rate)), 0], np.float32))


def _worth(inputs: Inputs, rows: Interactions, ordered: Floats, value: Floats) -> Floats:
    """f32[V]: by row of the model's table; items that the model does not know share one."""
    bought = ordered > 0
    ids = inputs.items.fields[:, 0].numpy()
    return relative_worth(ids[rows.item[bought]], value[bought], inputs.vocabulary.size)
