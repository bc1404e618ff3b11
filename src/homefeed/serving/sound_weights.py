"""Whether a model's weights can be computed with at all: a broken model is found when it is loaded, not by a visitor."""

from __future__ import annotations

import numpy as np

from homefeed.models.weights import ModelWeights

UNUSABLE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What arrays of the wrong names, shapes or kinds raise when they are first computed with."""


def check_weights(weights: ModelWeights) -> None:
    """Raises ``ValueError`` where a number is not finite or a slot leads out of the embedding table."""
    for name, array in weights.arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
    rows, size = weights.vocabulary.row, len(weights.arrays["embedding"])
    if weights.vocabulary.size != size or rows.min(initial=0) < 0 or rows.max(initial=0) >= size:
        raise ValueError(f"its vocabulary does not fit its {size} embeddings")
