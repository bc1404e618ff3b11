"""A shop whose tastes are known: its users, its items, and how likely each user is to click each item on each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.simulation.raw_ids import Ids

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """Size and nature of a shop; the default is the demo's. Strengths are standard deviations in logits of a click."""

    users: int = 10_000
    items: int = 5_050
    days: int = 10
    lists: int = 88_000
    """Lists shown over all days."""
    list_size: int = 10
    first_ts: int = 1_759_708_800
    """Seconds; a midnight, UTC."""
    silent_share: float = 0.05
    """Users without a log row, known by their tags alone."""
    late_share: float = 0.05
    """Users who first arrive on the last day."""
    launching_share: float = 0.2
    """Items that launch on the way."""
    user_tag_values: tuple[int, ...] = (15, 9)
    item_tag_values: tuple[int, ...] = (25, 200, 10)
    """Categories, brands, price bands."""
    factors: int = 8
    random_click_rate: float = 0.055
    """True click rate of a random user on a random item, over the days of the log."""
    tag_taste: float = 0.8
    """What a user's tags say about their taste."""
    personal_taste: float = 1.0
    """What only a user's log reveals."""
    item_part: float = 0.35
    """Share of an item's taste that its tags do not explain."""
    tag_quality: float = 0.35
    """An item's appeal to everybody, as far as its tags explain it."""
    own_quality: float = 0.9
    """The rest of its appeal to everybody."""
    eagerness: float = 0.35
    """How much some users click more than others, whatever they are shown."""
    freshness: float = 0.4
    """Extra appeal at launch; it fades."""
    fade_days: float = 5.0
    trend: float = 0.25
    """How far an item drifts up or down over the days of the log."""
    exploration: float = 0.25
    """Share of the shown items that the logging policy draws at random."""
    tag_driven: float = 0.25
    """Share that it draws by what users with the same tags like; the rest is by popularity."""


@dataclass(frozen=True, slots=True)
class World:
    """U users, N items, R factors; day 0 is the first of the log and day ``settings.days`` the one after it.

    ``user_tags``: int64[U, 2], rows of ``user_tag_ids``; ``item_tags``: int64[N, 3], rows of ``item_tag_ids``.
    ``tag_taste``, ``personal_taste``: float32[U, R]; ``item_taste``: float32[N, R]. ``arrival_day``: int64[U], ``settings.days`` for silent users.
    """

    settings: WorldSettings
    user_ids: Ids
    item_ids: Ids
    user_tag_ids: tuple[Ids, ...]
    item_tag_ids: tuple[Ids, ...]
    user_tags: Ints
    item_tags: Ints
    tag_taste: Floats
    personal_taste: Floats
    item_taste: Floats
    eagerness: Floats
    quality: Floats
    freshness: Floats
    trend: Floats
    launch_day: Ints
    arrival_day: Ints
    activity: Floats
    base: float

    def click_probability(self, users: Ints, items: Ints, day: Ints | int) -> Floats:
        """True click probability of pairs: float32[n]; 0 before the item's launch."""
        taste = self.tag_taste[users] + self.personal_taste[users]
        logit = self.base + self.eagerness[users] + (taste * self.item_taste[items]).sum(1) + self.appeal(items, day)
        return np.where(self.launch_day[items] <= day, _sigmoid(logit), np.float32(0))

    def click_table(self, users: Ints, day: int) -> Floats:
        """True click probability of all items: float32[len(users), N]; 0 before the item's launch."""
        taste = self.tag_taste[users] + self.personal_taste[users]
        logit = taste @ self.item_taste.T + (self.base + self.eagerness[users])[:, None] + self.appeal(np.arange(len(self.item_ids)), day)
        return _sigmoid(logit) * self.launched(day)

    def appeal(self, items: Ints, day: Ints | int) -> Floats:
        """What everybody likes about an item on a day: quality, freshness that fades, trend. In logits."""
        age = np.maximum(day - self.launch_day[items], 0) / self.settings.fade_days
        along = day / self.settings.days - 0.5
        fresh = self.freshness[items] * np.exp(-age)
        return np.asarray(self.quality[items] + fresh + self.trend[items] * along, np.float32)

    def launched(self, day: int) -> npt.NDArray[np.bool_]:
        return self.launch_day <= day

    def is_active(self) -> npt.NDArray[np.bool_]:
        """bool[U]: has log rows; the others are known by their tags alone."""
        return self.arrival_day < self.settings.days


def _sigmoid(logit: Floats) -> Floats:
    return np.float32(1) / (np.float32(1) + np.exp(-logit, dtype=np.float32))
