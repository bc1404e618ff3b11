"""The DSSM in numpy: a user's vector at request time, items' vectors, from weights alone. Twin of ``models.dssm`` and ``models.history_encoder``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.features.encoder import EncodedTable
from homefeed.models.lookup import Floats, field_embeddings
from homefeed.models.weights import ModelWeights

LAYER_NORM_EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class History:
    """One user's latest events, oldest first: ``item`` int32[L] (rows of the item table), ``clicked`` bool[L], ``gap`` int64[L] buckets."""

    item: npt.NDArray[np.int32]
    clicked: npt.NDArray[np.bool_]
    gap: npt.NDArray[np.int64]

    def last(self, n_events: int) -> History:
        start = max(len(self.item) - n_events, 0)
        return History(self.item[start:], self.clicked[start:], self.gap[start:])


NOTHING_YET = History(np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros(0, np.int64))


def item_vectors(weights: ModelWeights, table: EncodedTable) -> Floats:
    """float32[N, d + 1]: an item's vector and its bias."""
    arrays = weights.arrays
    vectors = field_embeddings(arrays["embedding.weight"], table).sum(1) + table.dense @ arrays["item_numbers"].T
    bias = field_embeddings(arrays["bias.weight"], table).sum(1)
    both: Floats = np.hstack([vectors, bias]).astype(np.float32)
    return both


def user_vector(weights: ModelWeights, user: EncodedTable, history: History, items: Floats) -> Floats:
    """float32[d + 1] of a one-row table and what that user did lately; the last number is 1, for the items' biases. ``items``: ``item_vectors``."""
    arrays = weights.arrays
    history = history.last(len(arrays["encoder.place.weight"]) - 1)
    token = np.hstack([field_embeddings(arrays["embedding.weight"], user).reshape(1, -1), user.dense]) @ arrays["user_token.weight"].T
    events = items[history.item, :-1] + arrays["encoder.clicked.weight"][history.clicked.astype(np.int64)] + arrays["encoder.gap.weight"][history.gap]
    x = np.vstack([token + arrays["user_token.bias"], events]) + arrays["encoder.place.weight"][: 1 + len(history.item)]
    n_layers = sum(name.endswith(".attended.weight") for name in arrays)
    for layer in range(n_layers):
        x = _block(weights, f"encoder.blocks.{layer}", x, last_only=layer == n_layers - 1)
    vector: Floats = np.append(_norm(weights, "encoder.norm", x[-1:])[0], np.float32(1))
    return vector


def _block(weights: ModelWeights, name: str, x: Floats, *, last_only: bool) -> Floats:
    """float32[L, d] to the same, or to float32[1, d] where nothing but the last place is asked for."""
    arrays = weights.arrays
    seen = _attend(_norm(weights, f"{name}.norm_attention", x), arrays[f"{name}.query_key_value.weight"], weights.config["heads"], last_only)
    x = (x[-1:] if last_only else x) + seen @ arrays[f"{name}.attended.weight"].T
    hidden = _norm(weights, f"{name}.norm_hidden", x) @ arrays[f"{name}.hidden.weight"].T + arrays[f"{name}.hidden.bias"]
    out: Floats = x + (hidden / (1 + np.exp(-hidden))) @ arrays[f"{name}.out.weight"].T + arrays[f"{name}.out.bias"]
    return out


def _attend(x: Floats, weight: Floats, heads: int, last_only: bool) -> Floats:
    length, dim = x.shape
    query, key, value = (x @ weight.T).reshape(length, 3, heads, dim // heads).transpose(1, 2, 0, 3)
    query = query[:, -1:] if last_only else query
    logits = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(dim // heads))
    if not last_only:
        logits = np.where(np.tri(length, dtype=np.bool_), logits, -np.inf)
    attention = np.exp(logits - logits.max(-1, keepdims=True))
    attention /= attention.sum(-1, keepdims=True)
    seen: Floats = (attention @ value).transpose(1, 0, 2).reshape(query.shape[1], dim)
    return seen


def _norm(weights: ModelWeights, name: str, x: Floats) -> Floats:
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(LAYER_NORM_EPSILON))
    normed: Floats = centred / scale * weights.arrays[f"{name}.weight"] + weights.arrays[f"{name}.bias"]
    return normed
