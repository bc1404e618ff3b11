"""pCTR from the ranker's two parts: a logistic regression on both their logits, which is also its calibration (Platt, 1999)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Mix:
    """logit(pCTR) = ``intercept`` + ``deep`` x DeepFM's logit + ``factors`` x the factor model's. ``training.mixing`` learns it on the validation slice."""

    deep: float = 1.0
    factors: float = 0.0
    intercept: float = 0.0

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Mix:
        """What a ranker's configuration holds. Raises ``ValueError``, ``KeyError`` or ``TypeError`` where these are no weights."""
        if "mix" not in config:
            raise ValueError("it does not say what its parts count (`mix`): it is of an earlier version. Make another: homefeed run")
        said = config["mix"]
        mix = cls(float(said["deep"]), float(said["factors"]), float(said["intercept"]))
        if not (np.isfinite([mix.deep, mix.factors, mix.intercept]).all() and min(mix.deep, mix.factors) >= 0):
            raise ValueError(f"its parts are weighed by {mix}")
        return mix
