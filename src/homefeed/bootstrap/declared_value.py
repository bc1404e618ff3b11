"""What the shop declares its slates to be worth, put into the ranker of a release: it counts from the next export on, nothing is trained again."""

from __future__ import annotations

from dataclasses import replace

from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.config import ValueConfig
from homefeed.models.declared_value import KEY
from homefeed.models.orders import OrderModel


def with_declared_value(rank: Checkpoint, value: ValueConfig) -> Checkpoint:
    """The ranker itself where it knows no orders."""
    if OrderModel.of(rank.model.arrays) is None:
        return rank
    return replace(rank, model=replace(rank.model, config=dict(rank.model.config) | {KEY: value.model_dump()}))
