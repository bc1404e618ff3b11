"""Histories against brute force: which events are whose, in which order, how long ago."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.features.history import GAP_BUCKETS, Histories, bucket_of, histories_of

SECOND = 1_000_000
N_USERS = 4
Row = tuple[int, int, bool, int]
"""User, item, clicked, second."""
LOGS = st.lists(st.tuples(st.integers(0, N_USERS - 1), st.integers(1, 9), st.booleans(), st.integers(0, 12)), max_size=30)


def histories(log: list[Row], n_users: int = N_USERS) -> Histories:
    user, item, clicked, second = (np.array(column) for column in zip(*log, strict=True)) if log else (np.zeros(0, int) for _ in range(4))
    return histories_of(user.astype(np.int32), item.astype(np.int32), clicked.astype(np.bool_), second.astype(np.int64) * SECOND, n_users)


def events(found: Histories, user: int) -> list[tuple[int, bool, int]]:
    part = slice(found.offsets[user], found.offsets[user + 1])
    return list(zip(found.item[part].tolist(), found.clicked[part].tolist(), (found.ts_us[part] // SECOND).tolist(), strict=True))


def bucket(seconds: float) -> int:
    return min(math.floor(math.log2(1 + max(seconds, 0))), GAP_BUCKETS - 1)


def test_rows_in_any_order_become_each_users_events_oldest_first() -> None:
    found = histories([(2, 5, True, 9), (0, 1, False, 4), (2, 6, False, 3), (0, 2, True, 8), (2, 7, True, 5)])
    assert found.counts().tolist() == [2, 0, 3, 0]
    assert found.users().tolist() == [0, 0, 2, 2, 2]
    assert events(found, 0) == [(1, False, 4), (2, True, 8)]
    assert events(found, 1) == []
    assert events(found, 2) == [(6, False, 3), (7, True, 5), (5, True, 9)]


def test_rows_of_one_moment_keep_the_order_of_the_log() -> None:
    found = histories([(1, 9, True, 5), (1, 2, False, 5), (1, 7, True, 5)])
    assert [item for item, _, _ in events(found, 1)] == [9, 2, 7]


def test_the_last_two_of_each_user() -> None:
    found = histories([(0, item, True, item) for item in (1, 2, 3)] + [(2, 4, False, 1)]).last(2)
    assert [events(found, user) for user in range(N_USERS)] == [[(2, True, 2), (3, True, 3)], [], [(4, False, 1)], []]
    assert found.offsets.tolist() == [0, 2, 2, 3, 3]


def test_a_gap_is_the_time_to_the_users_next_event_and_from_the_last_one_to_when_they_are_asked() -> None:
    found = histories([(0, 1, True, 0), (0, 2, True, 1), (0, 3, True, 64), (2, 4, False, 100), (2, 5, False, 100)])
    assert found.gaps(128 * SECOND).tolist() == [bucket(1), bucket(63), bucket(64), 0, bucket(28)] == [1, 6, 6, 0, 4]


def test_without_a_moment_to_be_asked_at_the_last_gap_is_a_typical_one() -> None:
    found = histories([(0, 1, True, 0), (0, 2, True, 3), (0, 3, True, 6), (0, 4, True, 1000), (1, 5, True, 7), (2, 1, True, 0), (2, 1, True, 15)])
    assert found.gaps(None).tolist() == [2, 2, 9, 3, 3, 4, 3]


def test_a_single_event_each_and_no_moment_have_no_typical_gap() -> None:
    assert histories([(0, 1, True, 5), (3, 2, True, 9)]).gaps(None).tolist() == [0, 0]


@pytest.mark.parametrize("as_of_us", [None, 7])
def test_a_log_without_rows_has_no_gaps(as_of_us: int | None) -> None:
    assert histories([]).gaps(as_of_us).tolist() == []


def test_buckets_double_and_end_at_half_a_year() -> None:
    assert bucket_of(np.array([-5.0, 0, 0.9, 1, 2.9, 3, 7, 3600, 86_400])).tolist() == [0, 0, 0, 1, 1, 2, 3, 11, 16]
    half_a_year = 2.0 ** (GAP_BUCKETS - 1)
    assert half_a_year / 86_400 == pytest.approx(194, abs=1)
    assert bucket_of(np.array([half_a_year / 2, half_a_year, 1e12])).tolist() == [GAP_BUCKETS - 2, GAP_BUCKETS - 1, GAP_BUCKETS - 1]


@settings(max_examples=200, deadline=None)
@given(LOGS, st.integers(1, 6))
def test_events_and_the_last_of_them_are_what_a_plain_loop_finds(log: list[Row], n_events: int) -> None:
    found, last = histories(log), histories(log).last(n_events)
    for user in range(N_USERS):
        expected = sorted((row[1:] for row in log if row[0] == user), key=lambda event: event[2])
        assert events(found, user) == expected
        assert events(last, user) == expected[-n_events:]


@settings(max_examples=200, deadline=None)
@given(LOGS, st.one_of(st.none(), st.integers(0, 30)))
def test_gaps_are_what_a_plain_loop_finds(log: list[Row], as_of: int | None) -> None:
    got = histories(log).gaps(None if as_of is None else as_of * SECOND)
    inner: list[int] = []
    expected: list[int | None] = []
    for user in range(N_USERS):
        seconds = sorted(row[3] for row in log if row[0] == user)
        own = [bucket(later - earlier) for earlier, later in pairwise(seconds)]
        inner += own
        expected += own + ([bucket(as_of - seconds[-1]) if as_of is not None else None] if seconds else [])
    typical = int(np.median(inner)) if inner else 0
    assert got.tolist() == [typical if gap is None else gap for gap in expected]


@settings(max_examples=100, deadline=None)
@given(LOGS, st.integers(1, 6), st.integers(0, 30))
def test_the_last_events_have_the_gaps_that_they_have_among_all(log: list[Row], n_events: int, as_of: int) -> None:
    found = histories(log)
    last, gaps = found.last(n_events), found.gaps(as_of * SECOND)
    own = [gaps[found.offsets[user] : found.offsets[user + 1]].tolist() for user in range(N_USERS)]
    assert last.gaps(as_of * SECOND).tolist() == [gap for user in range(N_USERS) for gap in own[user][-n_events:]]
