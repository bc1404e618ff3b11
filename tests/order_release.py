"""The small release of a shop with orders: random weights of an order model beside its ranker's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.models.factors import Factors
from homefeed.models.orders import OrderModel
from homefeed.models.weights import ModelWeights


def order_model(ranker: ModelWeights, n_tastes: int = 5, seed: int = 2) -> OrderModel:
    rng, size = np.random.default_rng(seed), ranker.vocabulary.size
    values, numbers = (rng.normal(0, 0.6, (n, 1 + n_tastes)).astype(np.float32) for n in (size, len(ranker.arrays["dense_linear"]) - 1))
    values[-1] = 0
    worth = rng.uniform(0.2, 3, size).astype(np.float32)
    return OrderModel(Factors(values, numbers, np.array([-1.5, 0.4], np.float32)), worth)


def with_order_model(ranker: ModelWeights, **value: Any) -> ModelWeights:
    """``value``: what the shop declares, the defaults where nothing."""
    config = dict(ranker.config) | ({"value": value} if value else {})
    return replace(ranker, arrays=dict(ranker.arrays) | order_model(ranker).arrays(), config=config)


def with_orders(bundle: Bundle, **value: Any) -> Bundle:
    assert bundle.rank is not None
    return replace(bundle, rank=with_order_model(bundle.rank, **value))
