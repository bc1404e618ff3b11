"""EASE, cosine and fading worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.features.history import Histories, histories_of
from homefeed.models.channels import item_to_item
from homefeed.models.channels.item_to_item import RECENT_EVENTS, SHRINKAGE, cosine, ease, user_item

THREE_ITEMS = [[1, 1, 0], [1, 1, 0], [0, 1, 1]]
"""Three users' clicks on three items."""


def clicks(of_user: list[list[int]], clicked: list[list[bool]] | None = None) -> Histories:
    """Items of each user, oldest first; all clicked unless told."""
    user = np.repeat(np.arange(len(of_user)), [len(items) for items in of_user]).astype(np.int32)
    item = np.array([item for items in of_user for item in items], np.int32)
    mark = np.array([m for marks in clicked for m in marks], np.bool_) if clicked else np.ones(len(item), np.bool_)
    return histories_of(user, item, mark, np.arange(len(item), dtype=np.int64), len(of_user))


def matrix(rows: list[list[int]]) -> item_to_item.Matrix:
    found = clicks([[item for item, has in enumerate(row) if has] for row in rows])
    return user_item(found, len(rows[0]), np.ones(len(found.item), np.bool_), fading=False)


def test_users_have_the_items_of_their_kept_events_once() -> None:
    found = clicks([[2, 1, 2], [], [3]], [[True, False, True], [], [False]])
    assert user_item(found, 4, found.clicked, fading=False).toarray().tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert user_item(found, 4, ~found.clicked, fading=False).toarray().tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_an_item_fades_with_the_events_after_its_latest_one() -> None:
    found = clicks([[5, 1, 5, 2], [7]])
    got = user_item(found, 8, np.ones(5, np.bool_), fading=True).toarray()
    e = np.exp(-1 / RECENT_EVENTS)
    np.testing.assert_allclose(got[0, [5, 1, 2]], [e, e**2, 1], rtol=1e-6)
    assert got[1, 7] == 1
    assert np.count_nonzero(got) == 4


def test_events_that_are_not_kept_make_the_others_older_all_the_same() -> None:
    found = clicks([[5, 1, 2]], [[True, False, False]])
    assert user_item(found, 6, found.clicked, fading=True).toarray()[0, 5] == pytest.approx(np.exp(-2 / RECENT_EVENTS))


def test_nobody_did_anything() -> None:
    assert user_item(clicks([[], []]), 3, np.zeros(0, np.bool_), fading=True).toarray().tolist() == [[0, 0, 0], [0, 0, 0]]


def test_ease_of_three_items_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gram [[2,2,0],[2,3,1],[0,1,1]] and ridge 1: inverse of [[3,2,0],[2,4,1],[0,1,2]], whose determinant is 13, is [[7,-4,2],[-4,6,-3],[2,-3,8]] / 13."""
    monkeypatch.setattr(item_to_item, "EASE_RIDGE", 1.0)
    expected = [[0, 4 / 6, -2 / 8], [4 / 7, 0, 3 / 8], [-2 / 7, 3 / 6, 0]]
    np.testing.assert_allclose(ease(matrix(THREE_ITEMS)), expected, rtol=1e-6)


def test_ease_is_the_best_linear_model_that_may_not_use_the_item_itself() -> None:
    """Each column is the ridge regression of its item on all others, solved on its own."""
    x = (np.random.default_rng(0).random((40, 7)) < 0.4).astype(np.int64)
    got = ease(matrix(x.tolist()))
    assert not np.diag(got).any()
    for item in range(7):
        others = [k for k in range(7) if k != item]
        rest = x[:, others].astype(np.float64)
        solved = np.linalg.solve(rest.T @ rest + item_to_item.EASE_RIDGE * np.eye(6), rest.T @ x[:, item])
        np.testing.assert_allclose(got[others, item], solved, rtol=1e-4)


def test_cosine_of_three_items_by_hand() -> None:
    """Items 0 and 1 share two users of 2 and 3; 1 and 2 share one of 3 and 1; 0 and 2 share none."""
    got = cosine(matrix(THREE_ITEMS)).toarray()
    first, second = 2 / (np.sqrt(6) + SHRINKAGE), 1 / (np.sqrt(3) + SHRINKAGE)
    np.testing.assert_allclose(got, [[0, first, 0], [first, 0, second], [0, second, 0]], rtol=1e-6)


def test_an_item_that_nobody_has_is_nobodys_neighbour() -> None:
    got = cosine(matrix([[1, 1, 0], [1, 1, 0]])).toarray()
    assert np.isfinite(got).all()
    assert not got[2].any()
    assert not got[:, 2].any()
    assert np.isfinite(ease(matrix([[1, 1, 0], [1, 1, 0]]))).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=6))
def test_similarities_are_symmetric_below_one_and_grow_with_the_users_shared(of_user: list[list[int]]) -> None:
    found = clicks(of_user)
    x = user_item(found, 6, np.ones(len(found.item), np.bool_), fading=False)
    got, both = cosine(x).toarray(), (x.T @ x).toarray()
    np.testing.assert_allclose(got, got.T, rtol=1e-6)
    assert not np.diag(got).any()
    assert ((got >= 0) & (got < 1)).all()
    assert ((got > 0) == (both > 0) & ~np.eye(6, dtype=np.bool_)).all()
