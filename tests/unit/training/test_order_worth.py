"""What an order of an item is worth: hand-checked means, drawn towards the shop's where an item's own orders tell little."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.training.orders.worth import relative_worth


def worth(orders: list[tuple[int, float]], n: int = 4) -> np.ndarray:
    group, value = zip(*orders, strict=True) if orders else ((), ())
    return relative_worth(np.array(group, np.int64), np.array(value, np.float32), n)


def test_items_of_one_price_each_are_worth_that_price() -> None:
    assert worth([(0, 10), (0, 10), (1, 30), (1, 30)]) == pytest.approx([0.5, 1.5, 1, 1])


def test_a_hand_checked_mixture() -> None:
    """Means 9 and 13 about 11; variance within 4 / 2 = 2, between (2 x 4 + 2 x 4 - 2) / (4 - 8 / 4) = 7; trust 2 / (2 + 2 / 7) = 7 / 8."""
    assert worth([(0, 8), (0, 10), (1, 12), (1, 14)]) == pytest.approx([1 - 7 / 8 * 2 / 11, 1 + 7 / 8 * 2 / 11, 1, 1])


@pytest.mark.parametrize("orders", [[], [(0, 5.0)], [(0, 5.0), (1, 50.0)], [(0, 0.0), (0, 0.0), (1, 0.0)], [(2, 1.0), (2, 9.0)]])
def test_orders_that_tell_no_item_from_another_leave_all_worth_the_same(orders: list[tuple[int, float]]) -> None:
    assert worth(orders) == pytest.approx(np.ones(4))


def test_values_that_are_noise_leave_items_nearly_alike() -> None:
    rng = np.random.default_rng(0)
    noise = relative_worth(rng.integers(0, 50, 400), rng.gamma(1, 20, 400).astype(np.float32), 50)
    assert np.ptp(noise) < 0.5


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6, width=32)), max_size=30))
def test_it_is_never_below_0_and_always_a_number(orders: list[tuple[int, float]]) -> None:
    found = worth(orders)
    assert np.isfinite(found).all()
    assert (found >= -1e-6).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 1000)), min_size=1, max_size=30))
def test_the_currency_does_not_matter(orders: list[tuple[int, int]]) -> None:
    np.testing.assert_allclose(worth([(g, v * 100.0) for g, v in orders]), worth([(g, float(v)) for g, v in orders]), rtol=1e-3, atol=1e-4)
