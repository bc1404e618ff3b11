"""Who comes on a day, and when: the same for every policy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homefeed.simulation.shop.dice import Stream, generator
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.traffic import DAY_SECONDS, again, second_of_day
from homefeed.simulation.world import Ints


@dataclass(frozen=True, slots=True)
class Visits:
    """One list each, in order of time. ``number``: int64[V], the visit's own number over all days; ``user``: rows of the shop; ``ts``: seconds."""

    day: int
    number: Ints
    user: Ints
    ts: Ints

    def __len__(self) -> int:
        return len(self.user)


def visits_of_day(shop: Shop, day: int) -> Visits:
    """Whoever arrives comes at least once; the others by their activity."""
    rng = generator(shop.seed, Stream.VISITS, day)
    arriving, here = np.flatnonzero(shop.arrival_day == day), np.flatnonzero(shop.arrival_day <= day)
    first = arriving[: _lists(shop, day)]
    weight = shop.activity[here].astype(np.float64)
    further = rng.choice(here, _lists(shop, day) - len(first), p=weight / weight.sum()) if len(here) else here
    user = np.concatenate([first, further])
    midnight = shop.settings.first_ts + day * DAY_SECONDS
    ts = midnight + second_of_day(len(user), rng)
    while (clash := again(user, ts)).any():
        ts[clash] = midnight + second_of_day(int(clash.sum()), rng)
    order = np.lexsort((user, ts))
    return Visits(day, day * 2**32 + np.arange(len(user)), user[order], ts[order])


def _lists(shop: Shop, day: int) -> int:
    """The lists of a day: all days are alike, and together they make ``lists``."""
    settings = shop.settings
    return settings.lists * (day + 1) // settings.days - settings.lists * day // settings.days
