"""One day of a shop: who came, what was shown, what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from homefeed.simulation.shop.behaviour import Response, respond
from homefeed.simulation.shop.dice import Doubles, Stream, uniforms
from homefeed.simulation.shop.logging_policy import plan_day
from homefeed.simulation.shop.settings import LoggingSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.visits import Visits, visits_of_day
from homefeed.simulation.world import Ints


@dataclass(frozen=True, slots=True)
class DayLog:
    """``shown`` int64[V, K]: rows of the shop's items. ``propensity`` float64[V, K]: NaN where the policy did not say."""

    visits: Visits
    shown: Ints
    propensity: Doubles
    response: Response


def logged_day(shop: Shop, settings: LoggingSettings, day: int) -> DayLog:
    """A day under the logging policy."""
    visits = visits_of_day(shop, day)
    shown, propensity = plan_day(shop, settings, day).show(visits)
    return DayLog(visits, shown, propensity, respond(shop, visits, shown))


def logged_days(shop: Shop, settings: LoggingSettings) -> Iterator[DayLog]:
    """All days of the log."""
    return (logged_day(shop, settings, day) for day in range(shop.settings.days))


def order_ts(shop: Shop, log: DayLog) -> tuple[Ints, Ints, Ints]:
    """User, item and ts (seconds) of the orders that came of a day's clicks, in order of time; some come on later days."""
    visit, place = np.nonzero(log.response.order)
    item = log.shown[visit, place]
    delay = -np.log1p(-uniforms(shop.seed, Stream.DELAY, log.visits.number[visit], item)) * shop.settings.order_delay_hours * 3_600
    ts = log.visits.ts[visit] + 1 + delay.astype(np.int64)
    order = np.argsort(ts, kind="stable")
    return log.visits.user[visit][order], item[order], ts[order]
