"""The original recipe's two models, as plain as it had them: torch's default starts, N(0, 1) for embeddings among them, and nothing that regularises."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_DIM, _HIDDEN, _VECTOR = 16, (64, 32), 32


class PlainDSSM(nn.Module):
    """Two towers on ids and tags."""

    def __init__(self, slots: int, user_fields: int, item_fields: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(slots, _DIM)
        self.user, self.item = (_mlp(fields * _DIM, (_HIDDEN[0],), _VECTOR) for fields in (user_fields, item_fields))

    def users(self, slots: Tensor) -> Tensor:
        """i64[B, F] to f32[B, V]."""
        return nn.functional.normalize(self.user(self.embedding(slots).flatten(1)))

    def items(self, slots: Tensor) -> Tensor:
        """i64[..., F] to f32[..., V]."""
        return nn.functional.normalize(self.item(self.embedding(slots).flatten(-2)), dim=-1)


class PlainDeepFM(nn.Module):
    """DeepFM (Guo et al., 2017) on ids, tags and one dense number, the item's hotness."""

    def __init__(self, slots: int, fields: int) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(slots, _DIM), nn.Embedding(slots, 1)
        self.dense = nn.Linear(1, 1)
        self.deep = _mlp(fields * _DIM + 1, _HIDDEN, 1)

    def forward(self, slots: Tensor, hotness: Tensor) -> Tensor:
        """i64[B, F] and f32[B, 1] to logits f32[B]."""
        embedded = self.embedding(slots)
        pairs = (embedded.sum(1) ** 2 - (embedded**2).sum(1)).sum(1) / 2
        deep = self.deep(torch.cat([embedded.flatten(1), hotness], 1))[:, 0]
        logits: Tensor = self.linear(slots).sum((1, 2)) + self.dense(hotness)[:, 0] + pairs + deep
        return logits


def _mlp(width: int, hidden: tuple[int, ...], out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, out))
