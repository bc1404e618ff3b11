"""What a slate is worth to the shop, as the shop declares it: chance^a x (click + order x pCVR x worth^b).

``chance`` is what slates are sorted by without orders (``models.slate_value``): pCTR, corrected by the place in the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from homefeed.models.lookup import Floats

KEY = "value"
"""Where a ranker's configuration holds it."""


@dataclass(frozen=True, slots=True)
class DeclaredValue:
    """``click``: what a click is worth in itself; ``order``: what an order is worth beside it; ``value_power``: how much the money in it counts."""

    click_power: float = 1.0
    click: float = 1.0
    order: float = 1.0
    value_power: float = 0.0

    def gains(self, worth: Floats) -> Floats:
        """float32[N]: what a certain order of each item adds to its click; ``worth`` float32[N], in mean orders."""
        gains: Floats = (self.order * worth.astype(np.float64) ** self.value_power).astype(np.float32)
        return gains

    def __call__(self, chance: Floats, p_order: Floats, gain: Floats, most: float) -> Floats:
        """float32[n], up to 1: a share of what a certain click and a certain order of the item with the greatest gain, ``most``, are worth."""
        powered = chance if self.click_power == 1.0 else chance ** np.float32(self.click_power)
        value: Floats = (powered * (self.click + p_order * gain) / (self.click + most)).astype(np.float32)
        return value

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> DeclaredValue:
        """What a ranker's configuration holds; the default where it holds none. Raises ``ValueError`` or ``TypeError`` where these are no weights."""
        value = cls(**{name: float(weight) for name, weight in config.get(KEY, {}).items()})
        weights = list(asdict(value).values())
        if not np.isfinite(weights).all() or min(weights) < 0 or not (value.click or value.order):
            raise ValueError(f"its slate is valued by {value}")
        return value
