"""The policy that makes a log: what the shop believes to be good, by user tags, with exploration. Its propensities are exact.

Each day the launched items are dealt to K shelves, like shuffled cards, K being the places of a list. A list takes one item from each shelf, so that none
stands in it twice.

- With probability ``1 - exploration`` place k takes from shelf k item i with probability q_k(i | tags), a softmax of the belief, sharper in the first places.
- Otherwise place k takes from shelf (k + r) mod K, for a random r, any item of it.

So the probability that item i of shelf s stands in place k is ``(1 - exploration) [k = s] q_s(i | tags) + exploration / (K |s|)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homefeed.simulation.shop.dice import Doubles, Stream, generator, uniforms
from homefeed.simulation.shop.settings import LoggingSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.visits import Visits
from homefeed.simulation.world import Floats, Ints


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One day of the policy, for G groups of users with the same tags and L launched items.

    ``group``: int64[U], of each user. ``items``: int64[L], shelf after shelf; shelf s is ``items[starts[s] : starts[s + 1]]``.
    ``q``: float64[G, L], within each shelf summing to 1.
    """

    seed: int
    exploration: float
    group: Ints
    items: Ints
    starts: Ints
    q: Doubles
    n_items: int

    def group_of(self, visits: Visits) -> Ints:
        return self.group[visits.user]

    def show(self, visits: Visits) -> tuple[Ints, Doubles]:
        """Items int64[V, K] without repeats, and the propensity of each, float64[V, K]."""
        visit, place = visits.number[:, None], np.arange(len(self.starts) - 1)[None]
        dice = uniforms(self.seed, Stream.CHOOSE, visit, place)
        explores = uniforms(self.seed, Stream.EXPLORE, visits.number) < self.exploration
        turn = (uniforms(self.seed, Stream.ROTATE, visits.number) * place.size).astype(np.int64)
        column = np.where(explores[:, None], self._any(dice, (place + turn[:, None]) % place.size), self._preferred(dice, self.group_of(visits), place))
        shelf = np.searchsorted(self.starts, column, side="right") - 1
        preferred = np.where(shelf == place, self.q[self.group_of(visits)[:, None], column], 0.0)
        uniform = 1 / (place.size * np.diff(self.starts)[shelf])
        return self.items[column], (1 - self.exploration) * preferred + self.exploration * uniform

    def table(self) -> Doubles:
        """Propensities of all items: float64[G, K, N]; each [g, k] sums to 1."""
        places = len(self.starts) - 1
        shelf = np.repeat(np.arange(places), np.diff(self.starts))
        table = np.zeros((len(self.q), places, self.n_items))
        table[:, :, self.items] = self.exploration / (places * np.diff(self.starts)[shelf])
        table[:, shelf, self.items] += (1 - self.exploration) * self.q
        return table

    def _any(self, dice: Doubles, shelf: Ints) -> Ints:
        sizes = np.diff(self.starts)[shelf]
        return np.asarray(self.starts[shelf] + np.minimum((dice * sizes).astype(np.int64), sizes - 1))

    def _preferred(self, dice: Doubles, group: Ints, place: Ints) -> Ints:
        """All inverse distributions in one sorted array, one search: group g, shelf k lie between gK + k and gK + k + 1."""
        places, ends = place.size, self.starts[1:] - 1
        cumulated = np.cumsum(self.q, axis=1)
        cumulated += places * np.arange(len(self.q))[:, None]
        found = np.searchsorted(cumulated.ravel(), group[:, None] * places + place + dice, side="right")
        column = found - group[:, None] * self.q.shape[1]
        return np.asarray(np.clip(column, self.starts[:-1][place], ends[place]))


def plan_day(shop: Shop, settings: LoggingSettings, day: int) -> DayPlan:
    """What the shop shows on a day."""
    _, member, group = np.unique(shop.user_tags, axis=0, return_index=True, return_inverse=True)
    launched = np.flatnonzero(shop.launched(day))
    belief = _believed_appeal(shop, settings, day)[launched]
    places = shop.settings.list_size
    shelf = generator(shop.seed, Stream.SHELVES, day).permutation(len(launched)) % places
    by_shelf = np.argsort(shelf, kind="stable")
    starts = np.searchsorted(shelf[by_shelf], np.arange(places + 1))
    tastes = settings.tags_known * (shop.tag_taste[member] @ shop.item_taste[launched].T) + belief
    sharp = settings.sharpness * (1 - settings.sharpness_fall * np.arange(places) / max(places - 1, 1))
    q = _softmax_by_shelf((tastes[:, by_shelf] * sharp[shelf[by_shelf]]).astype(np.float64), starts)
    return DayPlan(shop.seed, settings.exploration, np.asarray(group.ravel(), np.int64), launched[by_shelf], starts, q, len(shop.item_ids))


def _believed_appeal(shop: Shop, settings: LoggingSettings, day: int) -> Floats:
    """The appeal of the day, known to the shop up to a guess of the same spread that stays: float32[N]."""
    appeal, known = shop.appeal(day), settings.quality_known
    guess = generator(shop.seed, Stream.GUESS).standard_normal(len(appeal)) * appeal.std()
    return np.asarray(known * appeal + np.sqrt(1 - known**2) * guess, np.float32)


def _softmax_by_shelf(logits: Doubles, starts: Ints) -> Doubles:
    """float64[G, L]: each shelf's part of each row sums to 1."""
    sizes = np.diff(starts)
    weight = np.exp(logits - np.repeat(np.maximum.reduceat(logits, starts[:-1], axis=1), sizes, axis=1))
    return np.asarray(weight / np.repeat(np.add.reduceat(weight, starts[:-1], axis=1), sizes, axis=1))
