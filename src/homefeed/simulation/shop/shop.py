"""A shop whose truth is known: the logit of a click as a sum of named terms. docs/simulation.md writes the same down as mathematics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.simulation.raw_ids import Ids
from homefeed.simulation.shop.settings import ShopSettings
from homefeed.simulation.world import Floats, Ints

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shop:
    """U users, N items, R factors, D days; day 0 is the first of the log and day D the one after it.

    ``user_tags``: int64[U, 2], rows of ``user_tag_ids``; ``item_tags``: int64[N, 3], rows of ``item_tag_ids``; ``arrival_day``: D for silent users.
    Terms of a click's logit, float32: ``eagerness`` [U]; ``tag_taste`` [U, R]; ``personal_taste`` [D + 1, U, R], or [1, U, R] where it stands still;
    ``mood`` [D + 1, U, R], or [1, U, R] where there is none; ``fashion`` [D + 1, R]; ``item_taste`` [N, R]; ``price_sense`` [U]; ``dearness`` [N], the
    standardised logarithm of ``price``; ``quality``, ``freshness`` [N]; ``trend`` [D + 1, N].
    Of an order's: ``conversion`` [N] and ``order_base``.
    """

    settings: ShopSettings
    seed: int
    user_ids: Ids
    item_ids: Ids
    user_tag_ids: tuple[Ids, ...]
    item_tag_ids: tuple[Ids, ...]
    user_tags: Ints
    item_tags: Ints
    arrival_day: Ints
    launch_day: Ints
    activity: Floats
    eagerness: Floats
    tag_taste: Floats
    personal_taste: Floats
    mood: Floats
    fashion: Floats
    item_taste: Floats
    price_sense: Floats
    price: Floats
    dearness: Floats
    quality: Floats
    freshness: Floats
    trend: Floats
    conversion: Floats
    base: float
    order_base: float

    def launched(self, day: int) -> Bools:
        return np.asarray(self.launch_day <= day)

    def taste(self, users: Ints, day: int, *, mood: bool = True) -> Floats:
        """What users are after on a day: float32[len(users), R]; with ``mood`` that of the day's session, without it what lasts."""
        personal = self.personal_taste[min(day, len(self.personal_taste) - 1)]
        lasting: Floats = self.tag_taste[users] + personal[users] + self.fashion[day]
        return lasting + self.mood[min(day, len(self.mood) - 1)][users] if mood else lasting

    def appeal(self, day: int) -> Floats:
        """What everybody likes about an item on a day: quality, freshness that fades, trend; float32[N]."""
        age = np.maximum(day - self.launch_day, 0) / self.settings.fade_days
        return np.asarray(self.quality + self.freshness * np.exp(-age) + self.trend[day], np.float32)

    def match(self, users: Ints, items: Ints, day: int) -> Floats:
        """How well each of ``items`` int64[V, K] fits what ``users`` int64[V] are after: float32[V, K], in logits."""
        return np.asarray(np.einsum("vr,vkr->vk", self.taste(users, day), self.item_taste[items]))

    def click_from_match(self, match: Floats, users: Ints, items: Ints, day: int) -> Floats:
        """Logit of a click on an item that is looked at: float32[V, K]; -inf before launch. ``items`` may be broadcast."""
        item_side = np.where(self.launched(day), self.appeal(day) + np.float32(self.base), np.float32(-np.inf))
        priced = self.price_sense[users][:, None] * self.dearness[items]
        return np.asarray(match + self.eagerness[users][:, None] + item_side[items] - priced, np.float32)

    def order_from_match(self, match: Floats, items: Ints) -> Floats:
        """Logit of an order once the item is clicked: float32[V, K]. ``items`` may be broadcast."""
        settings = self.settings
        logit = settings.order_taste * match - settings.order_price * self.dearness[items] + self.conversion[items] + self.order_base
        return np.asarray(logit, np.float32)

    def click_logit_table(self, users: Ints, day: int) -> Floats:
        """Logits of a click on all items: float32[len(users), N]."""
        return self.click_from_match(self.taste(users, day) @ self.item_taste.T, users, self.all_items()[None], day)

    def all_items(self) -> Ints:
        return np.arange(len(self.item_ids))

    def looks(self) -> npt.NDArray[np.float64]:
        """float64[list_size]: probability that a user looks at a place."""
        return np.asarray(np.arange(1, self.settings.list_size + 1, dtype=np.float64) ** -self.settings.position_bias)


def sigmoid(logit: Floats) -> Floats:
    """Exact zeros where the logit is -inf."""
    return np.float32(1) / (np.float32(1) + np.exp(-logit, dtype=np.float32))
