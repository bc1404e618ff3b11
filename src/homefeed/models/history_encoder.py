"""A causal transformer over what a user did lately: at each event, the vector of what that user wants next.

Kang and McAuley, Self-Attentive Sequential Recommendation (SASRec), ICDM 2018; pre-norm blocks, SiLU. ``tower.user_vector`` is its numpy twin.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from homefeed.features.history import GAP_BUCKETS

INIT_STD = 0.02


class Block(nn.Module):
    """Attention to everything up to the own place, then a hidden layer; both added to what came in. f32[B, L, d] to the same."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm_attention, self.norm_hidden = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query_key_value, self.attended = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.hidden, self.out = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + F.dropout(self._attend(self.norm_attention(x)), self.dropout, self.training)
        return x + F.dropout(self.out(F.silu(self.hidden(self.norm_hidden(x)))), self.dropout, self.training)

    def _attend(self, x: Tensor) -> Tensor:
        n, length, dim = x.shape
        query, key, value = self.query_key_value(x).view(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        attended: Tensor = self.attended(seen.transpose(1, 2).reshape(n, length, dim))
        return attended


class HistoryEncoder(nn.Module):
    """Places 0..L of a user: the user's own token (id and tags), then L events, oldest first."""

    def __init__(self, dim: int, heads: int, layers: int, max_events: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.clicked, self.gap, self.place = (nn.Embedding(n, dim) for n in (2, GAP_BUCKETS, max_events + 1))
        for embedding in (self.clicked, self.gap, self.place):
            nn.init.normal_(embedding.weight, 0.0, INIT_STD)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, user: Tensor, items: Tensor, clicked: Tensor, gap: Tensor) -> Tensor:
        """f32[B, 1 + L, d] from the users' tokens f32[B, d], their events' item vectors f32[B, L, d], i64[B, L] clicked (0 or 1) and gap buckets."""
        events = items + self.clicked(clicked) + self.gap(gap)
        x = torch.cat([user.unsqueeze(1), events], 1) + self.place.weight[: 1 + items.shape[1]]
        x = F.dropout(x, self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        wanted: Tensor = self.norm(x)
        return wanted
