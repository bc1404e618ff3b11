"""Histories as training reads them, against a plain loop over the log."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.artifacts.processed import Interactions
from homefeed.training.sequences import FADING_CLICKS, NEXT_CLICKS, TrainingSequences, Window

N_USERS, SECOND = 4, 1_000_000
Row = tuple[int, int, bool, int]
"""User, item, clicked, second. A row's weight is 1 + its item / 100."""
LOGS = st.lists(st.tuples(st.integers(0, N_USERS - 1), st.integers(1, 9), st.booleans(), st.integers(0, 12)), min_size=1, max_size=40)


def sequences(log: list[Row], max_events: int = 100, batch_events: int = 1000, as_of: int | None = 100) -> TrainingSequences:
    user, item, clicked, second = (np.array(column) for column in zip(*log, strict=True))
    weight = (1 + item / 100).astype(np.float32)
    rows = Interactions(
        second.astype(np.int64) * SECOND, user.astype(np.int32), item.astype(np.int32), clicked.astype(np.float32), weight,
        np.ones(len(log), np.float32), np.zeros(len(log), np.bool_),
    )  # fmt: skip
    return TrainingSequences(rows, N_USERS, None if as_of is None else as_of * SECOND, max_events, batch_events)


def own(log: list[Row], user: int) -> list[Row]:
    return sorted((row for row in log if row[0] == user), key=lambda row: row[3])


def wanted_after(events: list[Row], second: int | None) -> list[tuple[int, float]]:
    """(item, weight) of the clicks that a place is taught: those strictly after its moment, all of them at first sight."""
    later = [row for row in events if row[2] and (second is None or row[3] > second)][:NEXT_CLICKS]
    fading = [exp(-k / FADING_CLICKS) for k in range(len(later))]
    return [(row[1], fade / sum(fading) * (1 + row[1] / 100)) for row, fade in zip(later, fading, strict=True)]


def one_batch(log: list[Row], made: TrainingSequences, windows: list[Window]) -> None:
    """What a batch holds is what the plain loop finds, window by window."""
    batch = made.batch(windows)
    length = max(window.stop - window.start for window in windows)
    assert batch.events.item.shape == batch.events.clicked.shape == batch.events.gap.shape == (len(windows), length)
    taught: dict[int, list[tuple[int, float]]] = {}
    for row, column, weight in zip(batch.targets.row.tolist(), batch.targets.column.tolist(), batch.targets.weight.tolist(), strict=True):
        taught.setdefault(row, []).append((column, weight))
    assert batch.targets.row.tolist() == sorted(batch.targets.row.tolist())
    shown = {
        place: (item, clicked, weight)
        for place, item, clicked, weight in zip(*(getattr(batch.shown, name).tolist() for name in ("place", "item", "clicked", "weight")), strict=True)
    }
    expected_shown = {}
    for k, window in enumerate(windows):
        events = own(log, window.user)
        start = window.start - int(made.histories.offsets[window.user])
        mine = events[start : start + window.stop - window.start]
        assert batch.users[k] == window.user
        assert batch.events.item[k, : len(mine)].tolist() == [row[1] for row in mine]
        assert batch.events.clicked[k, : len(mine)].tolist() == [int(row[2]) for row in mine]
        first_place = k * (1 + length)
        moments = [None, *(row[3] for row in mine)]
        for place, second in enumerate(moments):
            expected = [] if place == 0 and not window.first else wanted_after(events, second)
            assert taught.pop(first_place + place, []) == [(item, pytest.approx(weight, rel=1e-5)) for item, weight in expected]
        for place, row in enumerate(mine):
            expected_shown[first_place + place] = (row[1], float(row[2]), pytest.approx(1 + row[1] / 100))
    assert taught == {}, "padding is taught nothing"
    assert shown == expected_shown
    assert batch.n_events == sum(window.stop - window.start for window in windows)


def test_a_place_is_taught_the_next_clicks_each_weighing_less() -> None:
    log = [(1, 5, True, 1), (1, 6, False, 2), (1, 7, True, 3), (1, 8, True, 4)]
    batch = sequences(log).batch([Window(1, 0, 4, True)])
    fade = exp(-1 / FADING_CLICKS)
    of_place = [batch.targets.column[batch.targets.row == place].tolist() for place in range(5)]
    assert of_place == [[5, 7, 8], [7, 8], [7, 8], [8], []]
    weight = batch.targets.weight[batch.targets.row == 1].tolist()
    assert weight == [pytest.approx(1.07 / (1 + fade)), pytest.approx(1.08 * fade / (1 + fade))]


def test_what_is_clicked_in_one_moment_does_not_teach_the_others_of_that_moment() -> None:
    log = [(2, 5, True, 1), (2, 6, True, 1), (2, 7, True, 1), (2, 8, True, 9)]
    batch = sequences(log).batch([Window(2, 0, 4, True)])
    assert [batch.targets.column[batch.targets.row == place].tolist() for place in range(5)] == [[5, 6, 7, 8], [8], [8], [8], []]


def test_no_more_than_the_next_eight_clicks_are_taught() -> None:
    log = [(0, 1 + k % 9, True, k) for k in range(20)]
    batch = sequences(log).batch([Window(0, 0, 20, True)])
    assert [int((batch.targets.row == place).sum()) for place in range(21)] == [8] * 13 + [7, 6, 5, 4, 3, 2, 1, 0]


def test_a_later_window_is_taught_nothing_at_first_sight() -> None:
    log = [(0, 1 + k % 9, True, k) for k in range(6)]
    batch = sequences(log, max_events=3).batch([Window(0, 3, 6, False)])
    assert [batch.targets.column[batch.targets.row == place].tolist() for place in range(4)] == [[], [5, 6], [6], []]
    assert batch.shown.place.tolist() == [0, 1, 2]


@settings(max_examples=150, deadline=None)
@given(LOGS, st.integers(1, 7), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_every_batch_of_an_epoch_is_what_a_plain_loop_finds(log: list[Row], max_events: int, batch_events: int, seed: int) -> None:
    made = sequences(log, max_events, batch_events)
    for windows in made.batches(np.random.default_rng(seed)):
        assert all(window.stop - window.start <= max_events for window in windows)
        assert len(windows) == 1 or len(windows) * (1 + max(window.stop - window.start for window in windows)) <= batch_events
        one_batch(log, made, windows)


@settings(max_examples=100, deadline=None)
@given(LOGS, st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_an_epochs_windows_are_one_users_each_never_overlap_and_leave_out_but_the_end_of_a_long_history(log: list[Row], max_events: int, seed: int) -> None:
    made = sequences(log, max_events)
    windows = sorted((window for batch in made.batches(np.random.default_rng(seed)) for window in batch), key=lambda window: window.start)
    for user in range(N_USERS):
        oldest, end = made.histories.offsets[user : user + 2].tolist()
        mine = [window for window in windows if window.user == user]
        assert [window.first for window in mine] == [k == 0 for k in range(len(mine))]
        reached = oldest
        for window in mine:
            assert window.start == reached < window.stop
            reached = window.stop
        assert end - reached <= (max_events // 2 if end - oldest > max_events else 0)


def test_over_epochs_every_event_of_a_long_history_is_read_and_cut_at_many_places() -> None:
    made, rng = sequences([(0, 1, True, k) for k in range(50)], max_events=8), np.random.default_rng(0)
    epochs = [[window for batch in made.batches(rng) for window in batch] for _ in range(40)]
    ends = [max(window.stop for window in windows) for windows in epochs]
    assert 10 <= ends.count(50) <= 30, "half of the epochs are cut from the very end"
    assert set(ends) == {46, 47, 48, 49, 50}
    for event in range(50):
        assert any(window.start <= event < window.stop for windows in epochs for window in windows)
    assert len({window.start for windows in epochs for window in windows}) > 20


def test_batches_differ_from_epoch_to_epoch_and_are_repeated_by_their_seed() -> None:
    made = sequences([(user, 1, True, k) for user in range(N_USERS) for k in range(3)], batch_events=8)
    first, again, other = (made.batches(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 2


@settings(max_examples=80, deadline=None)
@given(LOGS, st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_what_comes_later_changes_nothing_of_what_a_place_reads(log: list[Row], moment: int, seed: int) -> None:
    """Other items, other clicks after a moment: places before it read the same. (What they are taught may change: it is the future.)"""
    rng = np.random.default_rng(seed)
    changed = [row if row[3] <= moment else (row[0], int(rng.integers(1, 10)), bool(rng.random() < 0.5), row[3]) for row in log]
    for user in range(N_USERS):
        n, until = len(own(log, user)), sum(row[3] <= moment for row in own(log, user))
        if n:
            batches = []
            for rows in (log, changed):
                made = sequences(rows)
                start = int(made.histories.offsets[user])
                batches.append(made.batch([Window(user, start, start + n, True)]))
            for name in ("item", "clicked", "gap"):
                one, other = (getattr(batch.events, name)[0, :until].tolist() for batch in batches)
                assert one == other
