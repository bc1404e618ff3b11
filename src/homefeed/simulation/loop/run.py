"""The loop: night, day, night, day, for all policies side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from homefeed.core.progress import Progress
from homefeed.simulation.loop.policy import Policy
from homefeed.simulation.shop.behaviour import respond
from homefeed.simulation.shop.day_log import DayLog, logged_day
from homefeed.simulation.shop.settings import SimulationSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.visits import visits_of_day


@dataclass(frozen=True, slots=True)
class Played:
    """One policy's days, without the warm-up, and the seconds that its nights and its days took."""

    days: tuple[DayLog, ...]
    night_seconds: float
    day_seconds: float


def for_loop(settings: SimulationSettings, days: int) -> SimulationSettings:
    """The same shop with as many visitors a day, for a warm-up and ``days``."""
    shop = settings.shop
    whole = settings.loop.warm_up_days + days
    longer = {"days": whole, "lists": max(round(shop.lists * whole / shop.days), 1)}
    return settings.model_copy(update={"shop": shop.model_copy(update=longer)})


def play(shop: Shop, settings: SimulationSettings, policies: Mapping[str, Policy], progress: Progress) -> dict[str, Played]:
    """All policies over the days after the warm-up. The same visitors come at the same moments, and answer the same item in the same way."""
    warm_up = [logged_day(shop, settings.logging, day) for day in range(settings.loop.warm_up_days)]
    days = range(settings.loop.warm_up_days, shop.settings.days)
    with progress.task("Closed loop", len(days) * len(policies), "days of a policy") as advance:
        logs: dict[str, list[DayLog]] = {name: [] for name in policies}
        seconds = {name: [0.0, 0.0] for name in policies}
        for day in days:
            for name, policy in policies.items():
                started = time.perf_counter()
                policy.learn(day, [*warm_up, *logs[name]], progress)
                learned = time.perf_counter()
                logs[name].append(_day(shop, policy, day))
                seconds[name][0] += learned - started
                seconds[name][1] += time.perf_counter() - learned
                advance(1)
    return {name: Played(tuple(logs[name]), *seconds[name]) for name in policies}


def _day(shop: Shop, policy: Policy, day: int) -> DayLog:
    visits = visits_of_day(shop, day)
    shown = policy.show(visits)
    return DayLog(visits, shown, np.full(shown.shape, np.nan), respond(shop, visits, shown))
