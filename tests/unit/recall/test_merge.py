"""The merge against a plain loop for one user, and what must hold whatever comes in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.core.candidates import AGAIN, DSSM, HOT, ITEM_TO_ITEM
from homefeed.recall.merge import interleave

ITEMS = st.integers(1, 40)
LISTS = st.lists(ITEMS, unique=True, max_size=30)
USERS = st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=4)
OWN_PER_HOT, HOT_FROM, SIZE = st.integers(1, 6), st.integers(0, 30), st.integers(1, 25)


def source_of(items: np.ndarray) -> np.ndarray:
    """A user's own item comes from one of the channels, HOT among them: what the store keeps beside an item must stay beside it."""
    return np.array([DSSM, ITEM_TO_ITEM, AGAIN, HOT], np.uint8)[items % 4]


def merged(own: np.ndarray, hot: np.ndarray, own_per_hot: int, hot_from: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    return interleave(own, source_of(own), hot, own_per_hot, hot_from, size)


def one_user(own: list[int], hot: list[int], own_per_hot: int, hot_from: int, size: int) -> list[tuple[int, int]]:
    """(item, source) of one user's list: the rule, word for word."""
    hot_from = min(hot_from, max(size - own_per_hot - 1, 0))
    n_hot = max(size - hot_from, 0) // (own_per_hot + 1)
    mine = [(item, int(source_of(np.array(item)))) for item in own]
    lead, more = mine[: size - n_hot], mine[size - n_hot :]
    fresh = [(item, HOT) for item in hot if item not in own[: size - n_hot]]
    listed, lead, between, rest = lead[:hot_from], lead[hot_from:], fresh[:n_hot], fresh[n_hot:]
    while lead or between:
        listed += lead[:own_per_hot] + between[:1]
        lead, between = lead[own_per_hot:], between[1:]
    distinct: dict[int, int] = {}
    for item, source in [*listed, *more, *rest]:
        distinct.setdefault(item, source)
    return list(distinct.items())[:size]


def rows(lists: list[list[int]]) -> np.ndarray:
    """int32[U, W], 0 where a list has ended."""
    table = np.zeros((len(lists), max(map(len, lists), default=0)), np.int32)
    for row, items in enumerate(lists):
        table[row, : len(items)] = items
    return table


@settings(max_examples=300, deadline=None)
@given(USERS, OWN_PER_HOT, HOT_FROM, SIZE)
def test_every_user_gets_the_list_that_the_plain_loop_gives(users: list[tuple[list[int], list[int]]], own_per_hot: int, hot_from: int, size: int) -> None:
    items, sources = merged(rows([own for own, _ in users]), rows([hot for _, hot in users]), own_per_hot, hot_from, size)
    assert items.shape == sources.shape == (len(users), size)
    for row, (own, hot) in enumerate(users):
        n = int(np.count_nonzero(items[row]))
        assert list(zip(items[row, :n].tolist(), sources[row, :n].tolist(), strict=True)) == one_user(own, hot, own_per_hot, hot_from, size)


@settings(max_examples=200, deadline=None)
@given(USERS, OWN_PER_HOT, HOT_FROM, SIZE)
def test_lists_are_distinct_full_where_they_can_be_and_hold_nothing_invented(
    users: list[tuple[list[int], list[int]]], own_per_hot: int, hot_from: int, size: int
) -> None:
    items, sources = merged(rows([own for own, _ in users]), rows([hot for _, hot in users]), own_per_hot, hot_from, size)
    for listed, source, (own, hot) in zip(items.tolist(), sources.tolist(), users, strict=True):
        kept = [item for item in listed if item]
        assert listed == kept + [0] * (size - len(kept))
        assert len(set(kept)) == len(kept) == min(size, len({*own, *hot}))
        assert all(item in hot if code == HOT and item % 4 != 3 else item in {*own, *hot} for item, code in zip(kept, source, strict=False))


def test_four_to_one_holds_to_the_end() -> None:
    own, hot = np.arange(1, 161, dtype=np.int32)[None], np.arange(161, 261, dtype=np.int32)[None]
    items, sources = interleave(own, np.full(own.shape, DSSM, np.uint8), hot, 4, 0, 100)
    assert sources[0].tolist() == [DSSM, DSSM, DSSM, DSSM, HOT] * 20
    assert items[0, :10].tolist() == [1, 2, 3, 4, 161, 5, 6, 7, 8, 162]


def test_the_first_places_are_the_users_own_and_four_to_one_begins_after_them() -> None:
    own, hot = np.arange(1, 161, dtype=np.int32)[None], np.arange(161, 261, dtype=np.int32)[None]
    items, sources = interleave(own, np.full(own.shape, ITEM_TO_ITEM, np.uint8), hot, 4, 50, 100)
    assert sources[0].tolist() == [ITEM_TO_ITEM] * 50 + [ITEM_TO_ITEM, ITEM_TO_ITEM, ITEM_TO_ITEM, ITEM_TO_ITEM, HOT] * 10
    assert items[0, 48:56].tolist() == [49, 50, 51, 52, 53, 54, 161, 55]


@pytest.mark.parametrize("size", [5, 20, 50, 54])
def test_a_list_too_short_for_the_place_where_hot_items_begin_ends_in_one(size: int) -> None:
    own, hot = np.arange(1, 161, dtype=np.int32)[None], np.arange(161, 261, dtype=np.int32)[None]
    _, sources = interleave(own, np.full(own.shape, DSSM, np.uint8), hot, 4, 50, size)
    assert sources[0].tolist() == [DSSM] * (size - 1) + [HOT]


def test_a_hot_item_that_is_already_listed_makes_room_for_the_next_one() -> None:
    items, sources = interleave(np.array([[1, 2, 3, 4, 5, 6, 7, 8]], np.int32), np.zeros((1, 8), np.uint8), np.array([[3, 9, 8, 10]], np.int32), 4, 0, 10)
    assert items[0].tolist() == [1, 2, 3, 4, 9, 5, 6, 7, 8, 10]
    assert np.flatnonzero(sources[0] == HOT).tolist() == [4, 9]


def test_a_hot_item_that_was_taken_out_makes_room_for_the_next_one() -> None:
    """Seen hot items come as 0 in the middle of the list."""
    items, _ = merged(np.array([[1, 2, 3, 4, 5]], np.int32), np.array([[0, 9, 0, 10]], np.int32), 4, 0, 5)
    assert items[0].tolist() == [1, 2, 3, 4, 9]


@pytest.mark.parametrize("hot_from", [0, 2, 50])
@pytest.mark.parametrize(("own", "hot", "expected"), [([], [7, 8], [7, 8, 0]), ([7, 8], [], [7, 8, 0]), ([], [], [0, 0, 0])])
def test_where_one_side_is_empty_the_other_fills_up(own: list[int], hot: list[int], expected: list[int], hot_from: int) -> None:
    items, _ = merged(rows([own]), rows([hot]), 4, hot_from, 3)
    assert items[0].tolist() == expected
