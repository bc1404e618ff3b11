"""A DSSM tower in numpy: vectors for guests at request time, from weights alone (Huang et al., CIKM 2013)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from homefeed.features.encoder import EncodedTable
from homefeed.models.lookup import Floats, field_embeddings
from homefeed.models.weights import ModelWeights


def side_vectors(weights: ModelWeights, side: Literal["user", "item"], table: EncodedTable) -> Floats:
    """Unit vectors float32[N, V] of one side's entities."""
    arrays = weights.arrays
    vectors = field_embeddings(arrays["embedding"], table)
    x = np.hstack([vectors.reshape(len(table), -1), table.dense])
    hidden = np.maximum(x @ arrays[f"{side}.hidden.weight"].T + arrays[f"{side}.hidden.bias"], 0)
    out = hidden @ arrays[f"{side}.out.weight"].T + arrays[f"{side}.out.bias"] + x @ arrays[f"{side}.skip.weight"].T
    unit: Floats = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return unit


def user_vector(weights: ModelWeights, user: EncodedTable) -> Floats:
    """Unit vector float32[V] of a one-row table."""
    vector: Floats = side_vectors(weights, "user", user)[0]
    return vector
