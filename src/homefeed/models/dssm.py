"""DSSM: a user tower that reads who a user is and did lately, an item tower that reads id and tags; one vector each, one dot product.

Huang et al., CIKM 2013, for the two towers; the user tower is a sequence encoder (``history_encoder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.models.dimensions import Dimensions, dimensions_of
from homefeed.models.history_encoder import INIT_STD, HistoryEncoder
from homefeed.models.inputs import SideInput
from homefeed.models.layers import field_embeddings, new_embedding
from homefeed.models.weights import ModelWeights


@dataclass(frozen=True, slots=True)
class Events:
    """The latest events of B users, oldest first, padded at the end: i64[B, L] ``item`` (rows of the item table), ``clicked`` (0 or 1), ``gap`` (buckets)."""

    item: Tensor
    clicked: Tensor
    gap: Tensor


class DSSM(nn.Module):
    """A pair's logit is the dot product of its vectors plus the item's bias; exported vectors hold the bias as one more number, against a 1."""

    def __init__(self, vocabulary: Vocabulary, size: Dimensions, dropout: float) -> None:
        super().__init__()
        self.embedding = new_embedding(vocabulary, size.dim, INIT_STD)
        self.bias = new_embedding(vocabulary, 1, 0.0)
        self.user_token = nn.Linear(size.user[0] * size.dim + size.user[1], size.dim)
        nn.init.normal_(self.user_token.weight, 0.0, INIT_STD)
        self.item_numbers = nn.Parameter(torch.zeros(size.dim, size.item[1]))
        self.encoder = HistoryEncoder(size.dim, size.heads, size.layers, size.max_events, dropout)

    def wanted(self, users: SideInput, events: Events, vectors: Tensor) -> Tensor:
        """f32[B, 1 + L, d]: what each user wants at first sight, and after each event. ``vectors``: f32[N, d] of the item table."""
        token = self.user_token(torch.cat([field_embeddings(self.embedding, users).flatten(1), users.dense], 1))
        after: Tensor = self.encoder(token, vectors[events.item], events.clicked, events.gap)
        return after

    def items(self, side: SideInput) -> tuple[Tensor, Tensor]:
        """Vectors f32[N, d] and biases f32[N]."""
        vectors = field_embeddings(self.embedding, side).sum(1) + side.dense @ self.item_numbers.T
        return vectors, field_embeddings(self.bias, side).sum((1, 2))

    def to_weights(self, kind: str, vocabulary: Vocabulary, user_scale: NumberScale, item_scale: NumberScale, config: Mapping[str, Any]) -> ModelWeights:
        arrays = {name: value.detach().numpy().copy() for name, value in self.state_dict().items()}
        return ModelWeights(kind, arrays, vocabulary, user_scale, item_scale, config)

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> DSSM:
        """The torch model these arrays came from, ready to score."""
        model = cls(weights.vocabulary, dimensions_of(weights), 0.0)
        model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.arrays.items()})
        return model.eval()
