"""DSSM: a user tower and an item tower over shared slot embeddings, compared by cosine (Huang et al., CIKM 2013)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.models.inputs import SideInput
from homefeed.models.layers import field_embeddings, new_embedding
from homefeed.models.weights import ModelWeights


class Tower(nn.Module):
    """Unit vectors f32[N, V] from field embeddings f32[N, F, d] and dense f32[N, D].

    A linear path beside the hidden layer keeps what plain factors would find; the hidden layer adds what tags mean together.
    """

    def __init__(self, n_inputs: int, hidden: int, output_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_inputs, hidden)
        self.out = nn.Linear(hidden, output_dim)
        self.skip = nn.Linear(n_inputs, output_dim, bias=False)

    def forward(self, vectors: Tensor, dense: Tensor) -> Tensor:
        x = torch.cat([vectors.flatten(1), dense], 1)
        return F.normalize(self.out(torch.relu(self.hidden(x))) + self.skip(x), dim=1)


class DSSM(nn.Module):
    """Two towers; a pair's logit is ``exp(log_scale) * cosine + bias``."""

    def __init__(
        self, vocabulary: Vocabulary, embedding_dim: int, hidden: int, output_dim: int, user_inputs: tuple[int, int], item_inputs: tuple[int, int]
    ) -> None:
        """``user_inputs`` and ``item_inputs``: (fields, dense features) of each side."""
        super().__init__()
        self.embedding = new_embedding(vocabulary, embedding_dim)
        self.user = Tower(user_inputs[0] * embedding_dim + user_inputs[1], hidden, output_dim)
        self.item = Tower(item_inputs[0] * embedding_dim + item_inputs[1], hidden, output_dim)
        self.log_scale = nn.Parameter(torch.tensor(np.log(10.0), dtype=torch.float32))
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def user_vectors(self, side: SideInput) -> Tensor:
        vectors: Tensor = self.user(field_embeddings(self.embedding, side), side.dense)
        return vectors

    def item_vectors(self, side: SideInput) -> Tensor:
        vectors: Tensor = self.item(field_embeddings(self.embedding, side), side.dense)
        return vectors

    def logits(self, cosine: Tensor) -> Tensor:
        return self.log_scale.exp() * cosine + self.bias

    def to_weights(self, kind: str, vocabulary: Vocabulary, user_scale: NumberScale, item_scale: NumberScale, config: Mapping[str, Any]) -> ModelWeights:
        arrays = {name.replace("embedding.weight", "embedding"): value.detach().numpy().copy() for name, value in self.state_dict().items()}
        return ModelWeights(kind, arrays, vocabulary, user_scale, item_scale, config)

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> DSSM:
        """The torch model these arrays came from, ready to score."""
        arrays = weights.arrays
        dim, (hidden, _) = arrays["embedding"].shape[1], arrays["user.hidden.weight"].shape
        output_dim = arrays["user.out.bias"].shape[0]
        sides = [(n, arrays[f"{side}.hidden.weight"].shape[1] - n * dim) for side, n in weights.config["n_fields"].items()]
        model = cls(weights.vocabulary, dim, hidden, output_dim, sides[0], sides[1])
        model.load_state_dict({("embedding.weight" if n == "embedding" else n): torch.from_numpy(np.array(v)) for n, v in arrays.items()})
        return model.eval()
