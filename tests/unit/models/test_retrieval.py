"""Exact search against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.models import retrieval
from homefeed.models.retrieval import top_items


def brute_force(users: np.ndarray, items: np.ndarray, k: int, allowed: np.ndarray, seen: list[set[int]]) -> list[list[int]]:
    scores = users @ items.T
    ranked = []
    for user, row in enumerate(scores):
        order = sorted((i for i in range(len(items)) if allowed[i] and i not in seen[user]), key=lambda i: -row[i])
        ranked.append((order + [0] * k)[:k])
    return ranked


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 9), st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_best_allowed_unseen_items_in_order_and_zeros_where_they_end(n_users: int, n_items: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    users, items = (rng.normal(size=(n, 4)).astype(np.float32) for n in (n_users, n_items))
    allowed = rng.random(n_items) < 0.8
    allowed[0] = False
    seen = [set(rng.integers(0, n_items, rng.integers(0, n_items)).tolist()) for _ in range(n_users)]
    flat = np.array([item for items_seen in seen for item in sorted(items_seen)], np.int32)
    offsets = np.cumsum([0, *map(len, seen)]).astype(np.int64)
    ranked = top_items(torch.from_numpy(users), torch.from_numpy(items), k, allowed, (offsets, flat))
    assert ranked.tolist() == brute_force(users, items, k, allowed, seen)


def test_blocks_of_users_make_no_difference_and_every_user_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    users, items = (torch.from_numpy(rng.normal(size=(n, 4)).astype(np.float32)) for n in (23, 11))
    seen = (np.arange(24, dtype=np.int64), rng.integers(1, 11, 23).astype(np.int32))
    whole = top_items(users, items, 5, np.arange(11) > 0, seen)
    monkeypatch.setattr(retrieval, "BLOCK_SCORES", 40)
    done: list[int] = []
    np.testing.assert_array_equal(top_items(users, items, 5, np.arange(11) > 0, seen, done.append), whole)
    assert sum(done) == 23
    assert len(done) > 1
