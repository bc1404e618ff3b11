"""Decayed hotness (``features.hotness``) of a policy's own log, kept up day by day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homefeed.features.hotness import MICROSECONDS_PER_DAY, HotnessRule, global_score, smoothed_lift
from homefeed.simulation.shop.day_log import DayLog
from homefeed.simulation.shop.dice import Doubles
from homefeed.simulation.shop.settings import LoopSettings
from homefeed.simulation.shop.shop import Bools, Shop
from homefeed.simulation.world import Ints


class DailyHotness:
    """``scores``: float64[N], at the end of the last day it has learned."""

    def __init__(self, shop: Shop, settings: LoopSettings) -> None:
        self._rule = HotnessRule(settings.hot_half_life_days * MICROSECONDS_PER_DAY, settings.hot_prior)
        self._impressions, self._clicks = np.zeros(len(shop.item_ids)), np.zeros(len(shop.item_ids))
        self._learned = 0
        self.scores = self._scores()

    def after(self, past: Sequence[DayLog]) -> DailyHotness:
        """The same, with the days of ``past`` that are new to it."""
        decay = 2 ** (-1 / self._rule.half_life_days)
        for log in past[self._learned :]:
            self._impressions = decay * self._impressions + self._count(log.shown.ravel())
            self._clicks = decay * self._clicks + self._count(log.shown[log.response.click])
        self._learned = len(past)
        self.scores = self._scores()
        return self

    def hottest(self, allowed: Bools, size: int) -> Ints:
        """int64[size]: rows of items, hottest first."""
        return np.argsort(-np.where(allowed, self.scores, -np.inf), kind="stable")[:size]

    def _scores(self) -> Doubles:
        lift = smoothed_lift(self._impressions, self._clicks, self._impressions.sum(), self._clicks.sum(), self._rule)
        return global_score(self._impressions, lift, self._impressions.sum(), int(np.count_nonzero(self._impressions)))

    def _count(self, items: Ints) -> Doubles:
        return np.bincount(items, minlength=len(self._impressions)).astype(np.float64)
