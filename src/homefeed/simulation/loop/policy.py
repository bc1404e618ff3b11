"""What a policy is, and the three that need no training: random, hot, best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from homefeed.core.progress import Progress
from homefeed.simulation.loop.hotness import DailyHotness
from homefeed.simulation.shop.day_log import DayLog
from homefeed.simulation.shop.dice import Stream, uniforms
from homefeed.simulation.shop.settings import LoopSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.visits import Visits
from homefeed.simulation.traffic import repeated
from homefeed.simulation.world import Ints

RANDOM, HOT, ORIGINAL, OURS, BEST = "random", "hot", "original", "ours", "best"
_BLOCK = 1_000


class Policy(Protocol):
    """Decides what is shown. ``learn`` is its night, ``show`` its day."""

    def learn(self, day: int, past: Sequence[DayLog], progress: Progress) -> None:
        """Before the first visit of ``day``: everything it showed itself until now, and the warm-up that all policies share."""
        ...

    def show(self, visits: Visits) -> Ints:
        """int64[V, K]: rows of the shop's items, best place first, none twice in a list, all of them launched."""
        ...


class RandomPolicy:
    """Any launched item: closes nothing of the gap."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def learn(self, day: int, past: Sequence[DayLog], progress: Progress) -> None:
        return None

    def show(self, visits: Visits) -> Ints:
        launched = np.flatnonzero(self._shop.launched(visits.day))
        place = np.arange(self._shop.settings.list_size)[None]
        throw, shown = 0, self._throw(launched, visits, place, 0)
        while (again := repeated(shown)).any():
            throw += 1
            shown[again] = self._throw(launched, visits, place, throw)[again]
        return shown

    def _throw(self, launched: Ints, visits: Visits, place: Ints, throw: int) -> Ints:
        dice = uniforms(self._shop.seed, Stream.RANDOM_POLICY, visits.number[:, None], place, np.array(throw))
        return launched[(dice * len(launched)).astype(np.int64)]


class HotPolicy:
    """One list for everybody: the hottest items of what this policy's own log says."""

    def __init__(self, shop: Shop, settings: LoopSettings) -> None:
        self._shop = shop
        self._hotness = DailyHotness(shop, settings)
        self._list: Ints = np.empty(0, np.int64)

    def learn(self, day: int, past: Sequence[DayLog], progress: Progress) -> None:
        self._list = self._hotness.after(past).hottest(self._shop.launched(day), self._shop.settings.list_size)

    def show(self, visits: Visits) -> Ints:
        return np.repeat(self._list[None], len(visits), axis=0)


class BestPolicy:
    """The most probable clicks by the truth, the mood of the session included: no system can be better, and none knows as much."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def learn(self, day: int, past: Sequence[DayLog], progress: Progress) -> None:
        return None

    def show(self, visits: Visits) -> Ints:
        users, who = np.unique(visits.user, return_inverse=True)
        blocks = [self._best(users[start : start + _BLOCK], visits.day) for start in range(0, len(users), _BLOCK)]
        return np.concatenate(blocks)[who]

    def _best(self, users: Ints, day: int) -> Ints:
        logits, size = self._shop.click_logit_table(users, day), self._shop.settings.list_size
        top = np.argpartition(logits, -size, axis=1)[:, -size:]
        order = np.argsort(-np.take_along_axis(logits, top, 1), axis=1, kind="stable")
        return np.asarray(np.take_along_axis(top, order, 1), np.int64)
