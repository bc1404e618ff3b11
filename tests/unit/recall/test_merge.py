"""The merge against a plain loop for one user, and what must hold whatever comes in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.core.candidates import DSSM, HOT
from homefeed.recall.merge import interleave

ITEMS = st.integers(1, 40)
LISTS = st.lists(ITEMS, unique=True, max_size=30)


def one_user(dssm: list[int], hot: list[int], dssm_per_hot: int, size: int) -> list[tuple[int, int]]:
    """(item, source) of one user's list: the rule, word for word."""
    n_hot = size // (dssm_per_hot + 1)
    own, more = dssm[: size - n_hot], dssm[size - n_hot :]
    fresh = [item for item in hot if item not in own]
    lead, rest = fresh[:n_hot], fresh[n_hot:]
    merged: list[tuple[int, int]] = []
    while own or lead:
        merged += [(item, DSSM) for item in own[:dssm_per_hot]] + [(item, HOT) for item in lead[:1]]
        own, lead = own[dssm_per_hot:], lead[1:]
    distinct: dict[int, int] = {}
    for item, source in [*merged, *((item, DSSM) for item in more), *((item, HOT) for item in rest)]:
        distinct.setdefault(item, source)
    return list(distinct.items())[:size]


def rows(lists: list[list[int]]) -> np.ndarray:
    """int32[U, W], 0 where a list has ended."""
    table = np.zeros((len(lists), max(map(len, lists), default=0)), np.int32)
    for row, items in enumerate(lists):
        table[row, : len(items)] = items
    return table


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=4), st.integers(1, 6), st.integers(1, 25))
def test_every_user_gets_the_list_that_the_plain_loop_gives(users: list[tuple[list[int], list[int]]], dssm_per_hot: int, size: int) -> None:
    items, sources = interleave(rows([d for d, _ in users]), rows([h for _, h in users]), dssm_per_hot, size)
    assert items.shape == sources.shape == (len(users), size)
    for row, (dssm, hot) in enumerate(users):
        n = int(np.count_nonzero(items[row]))
        assert list(zip(items[row, :n].tolist(), sources[row, :n].tolist(), strict=True)) == one_user(dssm, hot, dssm_per_hot, size)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=4), st.integers(1, 6), st.integers(1, 25))
def test_lists_are_distinct_full_where_they_can_be_and_hold_nothing_invented(users: list[tuple[list[int], list[int]]], dssm_per_hot: int, size: int) -> None:
    items, sources = interleave(rows([d for d, _ in users]), rows([h for _, h in users]), dssm_per_hot, size)
    for listed, source, (dssm, hot) in zip(items.tolist(), sources.tolist(), users, strict=True):
        kept = [item for item in listed if item]
        assert listed == kept + [0] * (size - len(kept))
        assert len(set(kept)) == len(kept) == min(size, len({*dssm, *hot}))
        assert all(item in (dssm if code == DSSM else hot) for item, code in zip(kept, source, strict=False))


def test_four_to_one_holds_to_the_end() -> None:
    items, sources = interleave(np.arange(1, 161, dtype=np.int32)[None], np.arange(161, 261, dtype=np.int32)[None], 4, 100)
    assert sources[0].tolist() == [DSSM, DSSM, DSSM, DSSM, HOT] * 20
    assert items[0, :10].tolist() == [1, 2, 3, 4, 161, 5, 6, 7, 8, 162]


def test_a_hot_item_that_is_already_listed_makes_room_for_the_next_one() -> None:
    items, sources = interleave(np.array([[1, 2, 3, 4, 5, 6, 7, 8]], np.int32), np.array([[3, 9, 8, 10]], np.int32), 4, 10)
    assert items[0].tolist() == [1, 2, 3, 4, 9, 5, 6, 7, 8, 10]
    assert np.flatnonzero(sources[0] == HOT).tolist() == [4, 9]


def test_a_hot_item_that_was_taken_out_makes_room_for_the_next_one() -> None:
    """Seen hot items come as 0 in the middle of the list."""
    items, _ = interleave(np.array([[1, 2, 3, 4, 5]], np.int32), np.array([[0, 9, 0, 10]], np.int32), 4, 5)
    assert items[0].tolist() == [1, 2, 3, 4, 9]


@pytest.mark.parametrize(("dssm", "hot", "expected"), [([], [7, 8], [7, 8, 0]), ([7, 8], [], [7, 8, 0]), ([], [], [0, 0, 0])])
def test_where_one_side_is_empty_the_other_fills_up(dssm: list[int], hot: list[int], expected: list[int]) -> None:
    items, _ = interleave(rows([dssm]), rows([hot]), 4, 3)
    assert items[0].tolist() == expected
