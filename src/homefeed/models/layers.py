"""What both models are built from: embeddings of one side's fields."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from homefeed.features.encoder import EncodedTable, Vocabulary

EMBEDDING_STD = 0.01
"""Embeddings start small: from torch's N(0, 1) the same DeepFM reached test AUC 0.56 where from N(0, 0.01^2) it reached 0.77."""


class SideInput:
    """One side's encoded table as tensors, gathered by entity row.

    ``fields``: i64[N, F], ``bags``: i64[N, L] each, ``dense``: f32[N, D].
    """

    def __init__(self, table: EncodedTable, first_field: int) -> None:
        self.fields = torch.from_numpy(table.fields.astype("int64"))
        self.bags = [torch.from_numpy(bag.astype("int64")) for bag in table.bags]
        self.dense = torch.from_numpy(table.dense)
        self.first_field = first_field

    def __len__(self) -> int:
        return len(self.fields)

    def rows(self, index: Tensor) -> SideInput:
        """The entities at ``index``, in that order."""
        part = object.__new__(SideInput)
        part.fields = self.fields[index]
        part.bags = [bag[index] for bag in self.bags]
        part.dense = self.dense[index]
        part.first_field = self.first_field
        return part

    def hidden_at_random(self, rate: float, padding: int, generator: torch.Generator) -> SideInput:
        """Each field's value replaced by the field's unknown row with probability ``rate``, so that the unknown rows are trained."""
        part = object.__new__(SideInput)
        n, n_columns = self.fields.shape
        unknown = torch.arange(self.first_field, self.first_field + n_columns)
        part.fields = torch.where(torch.rand(n, n_columns, generator=generator) < rate, unknown, self.fields)
        part.bags = []
        for i, bag in enumerate(self.bags):
            hidden = torch.full_like(bag, padding)
            hidden[:, 0] = self.first_field + n_columns + i
            part.bags.append(torch.where(torch.rand(n, 1, generator=generator) < rate, hidden, bag))
        part.dense, part.first_field = self.dense, self.first_field
        return part


def new_embedding(vocabulary: Vocabulary, dim: int, std: float = EMBEDDING_STD) -> nn.Embedding:
    embedding = nn.Embedding(vocabulary.size, dim, padding_idx=vocabulary.padding)
    nn.init.normal_(embedding.weight, 0.0, std)
    with torch.no_grad():
        embedding.weight[vocabulary.padding] = 0.0
    return embedding


def field_embeddings(embedding: nn.Embedding, side: SideInput) -> Tensor:
    """f32[N, F, d]: one vector a field; a bag's is the mean over its values."""
    parts = [embedding(side.fields)]
    for bag in side.bags:
        present = bag.ne(embedding.num_embeddings - 1).sum(1, keepdim=True).clamp(min=1)
        parts.append((embedding(bag).sum(1) / present).unsqueeze(1))
    return torch.cat(parts, 1)
