"""The feed as a policy: which chance it gives to showing an item at a position."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.evaluation.off_policy.feed import SHARPNESS, ScoredSlates, feed_policy, position_chances, softened_feed_policy
from homefeed.evaluation.off_policy.logged import LoggedRows

SLATES = ScoredSlates(np.array([3, 8]), *(np.pad(np.array(part), ((0, 0), (0, 97))) for part in ([[5, 6, 7], [7, 5, 0]], [[0.4, 0.2, 0.1], [0.3, 0.1, 0.0]])))


def rows_of(*rows: tuple[int, int, int]) -> LoggedRows:
    """User, place, item."""
    user, place, item = np.array(rows).T
    return LoggedRows(user, place, item, np.zeros(len(rows)), np.ones(len(rows)))


def test_the_feed_shows_its_kth_item_at_position_k_and_nothing_else() -> None:
    rows = rows_of((3, 0, 5), (3, 1, 5), (3, 2, 7), (8, 0, 7), (8, 1, 6), (8, 2, 5), (8, 1, 5), (3, 0, 9))
    policy = feed_policy(rows, SLATES)
    np.testing.assert_array_equal(policy.chance_of_logged(rows), [1, 0, 1, 1, 0, 0, 1, 0])
    assert policy.empty() == pytest.approx(1 / 8)  # the third place of user 8


def test_the_softened_feed_puts_an_item_first_by_its_share_of_the_powers_of_scores() -> None:
    rows = rows_of((3, 0, 5), (3, 0, 7), (8, 0, 7), (8, 0, 6), (3, 1, 5))
    policy = softened_feed_policy(rows, SLATES, np.random.default_rng(0))
    powers = np.array([0.4, 0.2, 0.1]) ** SHARPNESS
    chances = policy.chance_of_logged(rows)
    np.testing.assert_allclose(chances[:4], [powers[0] / powers.sum(), powers[2] / powers.sum(), 0.9, 0.0])
    assert chances[4] == pytest.approx(_by_hand(powers)[1, 0], abs=0.05)


def test_chances_at_later_positions_are_those_of_orders_drawn_without_replacement() -> None:
    weight = np.array([4.0, 2.0, 1.0, 0.0, 1.0])
    mean = np.mean([position_chances(weight, 4, np.random.default_rng(seed)) for seed in range(200)], axis=0)
    np.testing.assert_allclose(mean, _by_hand(weight), atol=0.01)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12).filter(lambda w: sum(w) > 0.01), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_each_position_holds_one_item_while_there_are_any(weight: list[float], places: int) -> None:
    chances = position_chances(np.array(weight), places, np.random.default_rng(0))
    filled = min(places, sum(w > 0 for w in weight))
    np.testing.assert_allclose(chances.sum(1), [1.0] * filled + [0.0] * (places - filled), atol=1e-6)
    assert (chances[:, np.array(weight) == 0] == 0).all()


def _by_hand(weight: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Chances by item at each position, over all orders."""
    items = [int(i) for i in np.flatnonzero(weight)]
    chances = np.zeros((len(items), len(weight)))
    for order in itertools.permutations(items):
        left, p = weight.sum(), 1.0
        for item in order:
            p *= weight[item] / left
            left -= weight[item]
        for place, item in enumerate(order):
            chances[place, item] += p
    return chances
