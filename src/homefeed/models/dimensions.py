"""How wide and deep a recall model is, read off its arrays."""

from __future__ import annotations

from dataclasses import dataclass

from homefeed.models.weights import ModelWeights


@dataclass(frozen=True, slots=True)
class Dimensions:
    """``max_events``: the longest history. ``user`` and ``item``: (fields, dense features) of each side."""

    dim: int
    heads: int
    layers: int
    max_events: int
    user: tuple[int, int]
    item: tuple[int, int]


def dimensions_of(weights: ModelWeights) -> Dimensions:
    """Read off the arrays; ``config`` says what they cannot: heads, and fields of each side."""
    arrays, config = weights.arrays, weights.config
    dim, fields = arrays["embedding.weight"].shape[1], config["n_fields"]
    layers = sum(name.endswith(".attended.weight") for name in arrays)
    user_dense = arrays["user_token.weight"].shape[1] - fields["user"] * dim
    max_events = len(arrays["encoder.place.weight"]) - 1
    return Dimensions(dim, config["heads"], layers, max_events, (fields["user"], user_dense), (fields["item"], arrays["item_numbers"].shape[1]))
