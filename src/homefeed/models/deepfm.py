"""DeepFM: first order, factorised second order and a deep part on shared embeddings (Guo et al., IJCAI 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.models.factors import PREFIX
from homefeed.models.inputs import SideInput
from homefeed.models.layers import field_embeddings, new_embedding
from homefeed.models.orders import PREFIX as OF_ORDERS
from homefeed.models.weights import ModelWeights


class DeepFM(nn.Module):
    """Probability of a click from F categorical fields and D dense features.

    Input of ``forward``: both sides of B rows, and ``hotness`` f32[B], already standardised. Output: logits f32[B].
    """

    def __init__(
        self, vocabulary: Vocabulary, embedding_dim: int, hidden: tuple[int, ...], n_dense: int, dropout: float = 0.0, click_rate: float = 0.5
    ) -> None:
        """``click_rate``: where training starts from, as the bias."""
        super().__init__()
        self.embedding = new_embedding(vocabulary, embedding_dim)
        self.linear = new_embedding(vocabulary, 1, std=0.0)
        self.bias = nn.Parameter(torch.logit(torch.tensor([click_rate]), eps=1e-6))
        self.dense_linear = nn.Parameter(torch.zeros(n_dense))
        sizes = (vocabulary.n_fields * embedding_dim + n_dense, *hidden, 1)
        self.mlp = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)

    def forward(self, user: SideInput, item: SideInput, hotness: Tensor) -> Tensor:
        vectors = torch.cat([field_embeddings(self.embedding, user), field_embeddings(self.embedding, item)], 1)
        weights = torch.cat([field_embeddings(self.linear, user), field_embeddings(self.linear, item)], 1)
        dense = torch.cat([user.dense, item.dense, hotness.unsqueeze(1)], 1)
        first_order = weights.sum((1, 2)) + dense @ self.dense_linear
        return self.bias + first_order + _second_order(vectors) + self._deep(torch.cat([vectors.flatten(1), dense], 1))

    def _deep(self, x: Tensor) -> Tensor:
        for layer in self.mlp[:-1]:
            x = self.dropout(torch.relu(layer(x)))
        logits: Tensor = self.mlp[-1](x)
        return logits.squeeze(1)

    def forget_all_but_the_bias(self) -> None:
        """Every item gets the same score, so that a slate keeps the order it came in."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name != "bias":
                    parameter.zero_()

    def to_weights(self, vocabulary: Vocabulary, user_scale: NumberScale, item_scale: NumberScale, config: Mapping[str, Any]) -> ModelWeights:
        arrays = {_short(name): value.detach().numpy().copy() for name, value in self.state_dict().items()}
        arrays["linear"] = arrays["linear"][:, 0]
        return ModelWeights("deepfm", arrays, vocabulary, user_scale, item_scale, config)

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> DeepFM:
        """The torch model these arrays came from, ready to score."""
        arrays = weights.arrays
        hidden = tuple(arrays[f"mlp.{k}.bias"].shape[0] for k in range(_depth(arrays) - 1))
        model = cls(weights.vocabulary, arrays["embedding"].shape[1], hidden, arrays["dense_linear"].shape[0])
        state = {_long(name): torch.from_numpy(np.array(value)) for name, value in arrays.items() if not name.startswith((PREFIX, OF_ORDERS))}
        state["linear.weight"] = state["linear.weight"].unsqueeze(1)
        model.load_state_dict(state)
        return model.eval()


def _second_order(vectors: Tensor) -> Tensor:
    """Sum of all pairwise dot products of f32[B, F, d], in O(F): half of (square of the sum minus sum of the squares)."""
    return 0.5 * (vectors.sum(1).square() - vectors.square().sum(1)).sum(1)


def _depth(arrays: Mapping[str, Any]) -> int:
    return sum(name.startswith("mlp.") and name.endswith(".bias") for name in arrays)


def _short(name: str) -> str:
    return name.removesuffix(".weight") if name in ("embedding.weight", "linear.weight") else name


def _long(name: str) -> str:
    return f"{name}.weight" if name in ("embedding", "linear") else name
