"""A fitted model as plain arrays: what a checkpoint keeps and what serving computes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.features.encoder import NumberScale, Vocabulary

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """Everything that scoring needs: ``arrays`` by parameter name, the vocabulary and number scales they were trained with, and ``config``.

    ``config`` holds plain JSON values; dimensions are read off the arrays, never typed twice.
    """

    kind: str
    arrays: Mapping[str, npt.NDArray[np.float32]]
    vocabulary: Vocabulary
    user_scale: NumberScale
    item_scale: NumberScale
    config: Mapping[str, Any]

    def flat(self) -> dict[str, Array]:
        """All arrays under one set of names, to be stored; ``restore`` is the way back."""
        encoding = {
            "vocabulary.row": self.vocabulary.row,
            "user_scale.mean": self.user_scale.mean,
            "user_scale.std": self.user_scale.std,
            "item_scale.mean": self.item_scale.mean,
            "item_scale.std": self.item_scale.std,
        }
        return {f"model.{name}": array for name, array in self.arrays.items()} | encoding

    def description(self) -> dict[str, Any]:
        """What ``flat`` cannot hold, as JSON values."""
        return {"kind": self.kind, "config": dict(self.config), "n_fields": self.vocabulary.n_fields, "vocabulary_size": self.vocabulary.size}


def restore(flat: Mapping[str, Array], description: Mapping[str, Any]) -> ModelWeights:
    """The model that ``flat`` and ``description`` came from. Raises ``KeyError`` when a part is missing."""
    prefix = "model."
    return ModelWeights(
        kind=description["kind"],
        arrays={name.removeprefix(prefix): array for name, array in flat.items() if name.startswith(prefix)},
        vocabulary=Vocabulary(flat["vocabulary.row"], description["n_fields"], description["vocabulary_size"]),
        user_scale=NumberScale(flat["user_scale.mean"], flat["user_scale.std"]),
        item_scale=NumberScale(flat["item_scale.mean"], flat["item_scale.std"]),
        config=description["config"],
    )
