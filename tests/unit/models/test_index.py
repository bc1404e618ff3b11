"""Search over a large catalogue: an index that finds what an exact search finds, or an exact search."""

from __future__ import annotations

import numpy as np
import pytest

from homefeed.core.progress import Silent
from homefeed.models.index import index_recall, search_over

N_ITEMS, N_USERS, DIM = 3000, 40, 12


class Said(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def shop(spread: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, items whose lengths differ by ``spread``, with a bias as their last number, and which are allowed."""
    rng = np.random.default_rng(0)
    items = rng.normal(size=(N_ITEMS, DIM + 1)) * rng.gamma(1 / spread**2, spread**2, (N_ITEMS, 1))
    items[:, -1] = rng.normal(-6, 1, N_ITEMS)
    users = rng.normal(size=(N_USERS, DIM + 1))
    users[:, -1] = 1
    allowed = rng.random(N_ITEMS) > 0.2
    allowed[0] = False
    return users.astype(np.float32), items.astype(np.float32), allowed


def by_hand(users: np.ndarray, items: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    scores = np.where(allowed, users @ items.T, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def test_a_small_catalogue_is_searched_exactly_and_says_nothing() -> None:
    users, items, allowed = shop()
    said = Said()
    search = search_over(items, allowed, users, said)
    assert search.find(users, 50).tolist() == by_hand(users, items, allowed, 50).tolist()
    assert (search.recall, said.lines) == (1.0, [])


def test_a_graph_finds_the_largest_dot_products_of_items_of_all_lengths_and_says_how_many() -> None:
    users, items, allowed = shop()
    said = Said()
    search = search_over(items, allowed, users, said, exact_pairs=0)
    found, best = search.find(users, 100), by_hand(users, items, allowed, 100)
    assert search.recall == pytest.approx(np.mean([len(set(f) & set(b)) / 100 for f, b in zip(found.tolist(), best.tolist(), strict=True)]))
    assert search.recall > 0.97
    assert allowed[found].all()
    scores = np.take_along_axis(users @ items.T, found, 1)
    assert (np.diff(scores, axis=1) <= 1e-4).all()
    assert said.lines == [f"index over 3,000 items: finds {search.recall:.3f} of the exact best 100, on 40 users"]


def test_an_index_below_the_floor_is_not_used_and_that_is_said() -> None:
    users, items, allowed = shop(spread=1.5)  # a few items as long as all others together are everybody's best, and a graph loses them
    said = Said()
    search = search_over(items, allowed, users, said, exact_pairs=0)
    assert search.find(users, 20).tolist() == by_hand(users, items, allowed, 20).tolist()
    assert search.recall == 1.0
    assert said.lines[0].startswith("warning: the index over 3,000 items finds 0.")


def test_fewer_allowed_items_than_asked_for_are_padded() -> None:
    users, items, _ = shop()
    allowed = np.arange(N_ITEMS) % 600 == 5
    for exact_pairs in (0, N_ITEMS * N_USERS):
        found = search_over(items, allowed, users, Said(), exact_pairs).find(users, 20)
        assert found.shape == (N_USERS, 20)
        assert (np.sort(found, axis=1)[:, -5:] == np.flatnonzero(allowed)).all()
        assert (found > 0).sum() == 5 * N_USERS


def test_recall_is_the_share_of_the_exact_best() -> None:
    assert index_recall(np.array([[1, 2], [3, 9]]), np.array([[2, 1], [3, 4]])) == 0.75
    assert index_recall(np.array([[1, 0]]), np.array([[1, 0]])) == 1.0
    assert index_recall(np.zeros((2, 3), np.int32), np.zeros((2, 3), np.int32)) == 1.0
