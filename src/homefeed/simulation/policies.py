"""A log with propensities from a shop whose truth is known, and what another policy would truly have earned: the yardstick of off-policy estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.simulation.shop.behaviour import respond
from homefeed.simulation.shop.logging_policy import DayPlan, plan_day
from homefeed.simulation.shop.making import make_shop
from homefeed.simulation.shop.settings import LoggingSettings, ShopSettings
from homefeed.simulation.shop.shop import Shop, sigmoid
from homefeed.simulation.shop.visits import Visits, visits_of_day
from homefeed.simulation.world import Ints

Doubles = npt.NDArray[np.float64]

BANDIT_SHOP = ShopSettings(users=500, items=80, days=3, lists=30_000, list_size=3, user_tag_values=(3, 2), item_tag_values=(5, 8, 3), click_rate=0.05)
"""A small shop of dense logs."""
TARGET = LoggingSettings(exploration=0.2, sharpness=2.0, quality_known=0.8, tags_known=0.9)
"""A policy that knows more than the default one and explores less."""


@dataclass(frozen=True, slots=True)
class BanditLog:
    """n impressions, C contexts (a day and a combination of user tags), K places, N items. Arrays of impressions are in order of time.

    ``propensity`` float64[n]: probability that the logging policy showed this item at this position of a list of this context;
    ``target_propensity``: the same of the target policy. ``logging_table`` and ``target_table`` float64[C, K, N] have those of all items.
    ``logging_value`` and ``target_value``: true expected clicks per impression in these very visits; ``visit``: rows of one list share it.
    """

    ts: Ints
    visit: Ints
    user: Ints
    context: Ints
    item: Ints
    position: Ints
    click: npt.NDArray[np.bool_]
    propensity: Doubles
    target_propensity: Doubles
    logging_table: Doubles
    target_table: Doubles
    logging_value: float
    target_value: float


def logged_bandit(
    shop_settings: ShopSettings = BANDIT_SHOP, seed: int = 7, *, logging: LoggingSettings | None = None, target: LoggingSettings = TARGET
) -> BanditLog:
    """The log of ``logging`` (None: the default policy) and the truth about ``target``, which may differ from it in every knob.

    Meant for small shops: the tables of all contexts are held.
    """
    shop = make_shop(shop_settings, seed)
    parts = [_day(shop, day, logging or LoggingSettings(), target) for day in range(shop_settings.days)]
    visits = sum(len(part.visits) for part in parts)
    groups = np.cumsum([0, *(len(part.ours) for part in parts)])
    columns = [part.columns(int(first)) for part, first in zip(parts, groups, strict=False)]
    impressions: dict[str, Any] = {name: np.concatenate([column[name] for column in columns]) for name in columns[0]}
    return BanditLog(
        **impressions,
        logging_table=np.concatenate([part.ours for part in parts]),
        target_table=np.concatenate([part.theirs for part in parts]),
        logging_value=sum(part.value(part.ours) for part in parts) / visits,
        target_value=sum(part.value(part.theirs) for part in parts) / visits,
    )


@dataclass(frozen=True, slots=True)
class _Day:
    """One day's log and both policies' tables float64[G, K, N] of its groups."""

    shop: Shop
    visits: Visits
    plan: DayPlan
    ours: Doubles
    theirs: Doubles

    def columns(self, first_context: int) -> dict[str, npt.NDArray[Any]]:
        """What ``BanditLog`` has of each impression."""
        shown, propensity = self.plan.show(self.visits)
        size = shown.shape[1]
        group, place, item = np.repeat(self.plan.group_of(self.visits), size), np.tile(np.arange(size), len(shown)), shown.ravel()
        return {
            "ts": np.repeat(self.visits.ts, size),
            "visit": np.repeat(self.visits.number, size),
            "user": np.repeat(self.visits.user, size),
            "context": group + first_context,
            "item": item,
            "position": place + 1,
            "click": respond(self.shop, self.visits, shown).click.ravel(),
            "propensity": propensity.ravel(),
            "target_propensity": self.theirs[group, place, item],
        }

    def value(self, table: Doubles) -> float:
        """Sum over visits of the expected click rate of a list."""
        liked = sigmoid(self.shop.click_logit_table(self.visits.user, self.visits.day)).astype(np.float64)
        looked_at = np.einsum("gkn,k->gn", table, self.shop.looks()) / table.shape[1]
        return float((looked_at[self.plan.group_of(self.visits)] * liked).sum())


def _day(shop: Shop, day: int, logging: LoggingSettings, target: LoggingSettings) -> _Day:
    plan = plan_day(shop, logging, day)
    return _Day(shop, visits_of_day(shop, day), plan, plan.table(), plan_day(shop, target, day).table())
