"""What a slate is sorted by: the chance of a click, weighed against the place that the recall stage gave an item.

A ranker learns from what was shown; what it says of a candidate that nobody like this user was ever shown is a guess. The list's order knows
better there. Both weights are learned on the validation slice (``training.slate_weights``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from homefeed.models.lookup import Floats

EPSILON = np.float32(1e-7)


@dataclass(frozen=True, slots=True)
class SlateValue:
    """value = sigmoid(``p_click`` logit(pCTR) - ``place`` ln(place)), places counting from 1."""

    p_click: float = 1.0
    place: float = 0.0

    def __call__(self, p_click: Floats, place: Floats | None = None) -> Floats:
        """float32[n], between 0 and 1, of candidates in recall order, or at the places ``place`` float32[n]."""
        if not self.place and self.p_click == 1.0:
            return p_click
        p = np.clip(p_click, EPSILON, 1 - EPSILON)
        logit = self.p_click * np.log(p / (1 - p)) - self.place * np.log(np.arange(1, len(p) + 1) if place is None else place)
        value: Floats = (1 / (1 + np.exp(-logit))).astype(np.float32)
        return value

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> SlateValue:
        """The weights that a ranker's configuration holds; pCTR alone where it holds none. Raises ``ValueError`` where they are no weights."""
        value = cls(**{name: float(weight) for name, weight in config.get("slate", {}).items()})
        if not (np.isfinite([value.p_click, value.place]).all() and min(value.p_click, value.place) >= 0):
            raise ValueError(f"its slate is weighed by {value}")
        return value
