"""Histories as training reads them: windows of events, in batches of like length, and for every place the clicks that came after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from homefeed.artifacts.processed import Interactions
from homefeed.features.history import histories_of, time_order
from homefeed.models.dssm import Events
from homefeed.models.losses import Targets

NEXT_CLICKS, FADING_CLICKS = 8, 4.0
"""A place is taught the user's next eight clicks, each weighing e^(-1/4) of the one before: lists are for a visit, not for one click alone."""
LENGTH_JITTER = 8.0
"""Windows of nearly one length share a batch; which of them is drawn anew each epoch."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """Events ``[start:stop]`` of the histories' columns, all of ``user``'s; ``first``: whether they are the user's oldest."""

    user: int
    start: int
    stop: int
    first: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown, and whether it was clicked: ``place`` i64[S] before it, ``item`` i64[S], ``clicked`` f32[S], ``weight`` f32[S]."""

    place: torch.Tensor
    item: torch.Tensor
    clicked: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True, slots=True)
class SequenceBatch:
    """B windows. ``targets``: rows count the places of all windows, 1 + L a window, columns are rows of the item table.

    ``shown``: the event right after each place, where there is one.
    """

    users: torch.Tensor
    events: Events
    targets: Targets
    shown: Shown
    n_events: int


class TrainingSequences:
    """``max_events``: length of a window; ``batch_events``: places in a batch, padding included."""

    def __init__(self, rows: Interactions, n_users: int, as_of_us: int | None, max_events: int, batch_events: int) -> None:
        histories = histories_of(rows.user, rows.item, rows.label > 0, rows.ts_us, n_users)
        self.histories, self.max_events, self.batch_events = histories, max_events, batch_events
        self._gaps = histories.gaps(as_of_us)
        self._clicks = np.flatnonzero(histories.clicked)
        self._weight = rows.weight[time_order(rows.user, rows.ts_us)]
        user = histories.users()
        self._next = self._first_click_after(user)
        click_bounds = np.searchsorted(self._clicks, histories.offsets)
        self._first_click, self._end_of_clicks = click_bounds[:-1], click_bounds[1:]
        self._n_next = np.clip(self._end_of_clicks[user] - self._next, 0, NEXT_CLICKS)

    def __len__(self) -> int:
        return len(self.histories.item)

    def batches(self, rng: np.random.Generator) -> list[list[Window]]:
        """One epoch's windows, in batches, in random order."""
        windows = [window for user in np.flatnonzero(self.histories.counts()) for window in self._windows(int(user), rng)]
        length = np.array([window.stop - window.start for window in windows])
        batches: list[list[Window]] = [[]]
        longest = 0
        for k in np.argsort(length + rng.random(len(length)) * LENGTH_JITTER):
            longest = max(longest, 1 + int(length[k]))
            if batches[-1] and (len(batches[-1]) + 1) * longest > self.batch_events:
                batches.append([])
                longest = 1 + int(length[k])
            batches[-1].append(windows[k])
        return [batches[k] for k in rng.permutation(len(batches))]

    def batch(self, windows: Sequence[Window]) -> SequenceBatch:
        start, stop = (np.array([getattr(window, name) for window in windows]) for name in ("start", "stop"))
        users = np.array([window.user for window in windows])
        place = start[:, None] + np.arange((stop - start).max())
        real = place < stop[:, None]
        place = np.minimum(place, len(self) - 1)
        columns = (self.histories.item, self.histories.clicked, self._gaps)
        return SequenceBatch(
            torch.from_numpy(users),
            Events(*(torch.from_numpy(column[place].astype(np.int64)) for column in columns)),
            self._targets(users, place, real, np.array([window.first for window in windows])),
            self._shown(start, stop, place),
            int(real.sum()),
        )

    def _windows(self, user: int, rng: np.random.Generator) -> list[Window]:
        """A long history is cut from its end, or from a random place near it, so that each epoch cuts elsewhere."""
        oldest, stop = (int(bound) for bound in self.histories.offsets[user : user + 2])
        if stop - oldest > self.max_events and rng.random() < 0.5:
            stop -= int(rng.integers(self.max_events // 2 + 1))
        windows = []
        while stop > oldest:
            start = max(oldest, stop - self.max_events)
            windows.append(Window(user, start, stop, start == oldest))
            stop = start
        return windows

    def _targets(self, users: Ints, place: Ints, real: npt.NDArray[np.bool_], is_first: npt.NDArray[np.bool_]) -> Targets:
        at_sight = np.clip(self._end_of_clicks[users] - self._first_click[users], 0, NEXT_CLICKS) * is_first
        count = np.concatenate([at_sight[:, None], np.where(real, self._n_next[place], 0)], 1).ravel()
        first = np.concatenate([self._first_click[users][:, None], self._next[place]], 1).ravel()
        row = np.repeat(np.arange(len(count)), count)
        step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        weight = np.exp(-step / FADING_CLICKS)
        weight /= np.bincount(row, weight, len(count))[row]
        event = self._clicks[first[row] + step]
        columns = (row, self.histories.item[event].astype(np.int64), (weight * self._weight[event]).astype(np.float32))
        return Targets(*map(torch.from_numpy, columns))

    def _shown(self, start: Ints, stop: Ints, place: Ints) -> Shown:
        """The first event of a window follows its user's token, every other one the event before."""
        following = np.concatenate([start[:, None], np.where(place + 1 < stop[:, None], place + 1, -1)], 1).ravel()
        after = np.flatnonzero(following >= 0)
        event, history = following[after], self.histories
        columns = (after, history.item[event].astype(np.int64), history.clicked[event].astype(np.float32), self._weight[event])
        return Shown(*map(torch.from_numpy, columns))

    def _first_click_after(self, user: Ints) -> Ints:
        """int64[E]: the first of ``_clicks`` with a later ``ts_us`` than each event's: what stands in one basket says nothing about the next."""
        ts = self.histories.ts_us
        moment = np.unique(ts, return_inverse=True)[1] if len(ts) else ts
        key = user * (len(ts) + 1) + moment
        after: Ints = np.searchsorted(key[self._clicks], key, side="right")
        return after
