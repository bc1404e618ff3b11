"""What a policy does for the catalogue: who is shown, and what new items get."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homefeed.metrics.beyond_accuracy import gini
from homefeed.simulation.loop.report import Exposure, NewItems
from homefeed.simulation.shop.day_log import DayLog
from homefeed.simulation.shop.shop import Shop

_STEPS = 20


def exposure_of(shop: Shop, days: Sequence[DayLog]) -> Exposure:
    """Over all days, among the items launched by the last one."""
    shown = np.bincount(np.concatenate([log.shown.ravel() for log in days]), minlength=len(shop.item_ids))
    shown = np.sort(shown[shop.launched(days[-1].visits.day)]).astype(np.int64)
    cumulated = np.concatenate([[0.0], np.cumsum(shown) / shown.sum()])
    lorenz = np.interp(np.linspace(0, 1, _STEPS + 1), np.linspace(0, 1, len(cumulated)), cumulated)
    top = max(round(len(shown) * 0.01), 1)
    return Exposure(gini(shown), float((shown > 0).mean()), float(shown[-top:].sum() / shown.sum()), tuple(round(float(x), 5) for x in lorenz))


def new_items_of(shop: Shop, days: Sequence[DayLog], new_days: int) -> NewItems:
    """An item is new in the ``new_days`` days from its launch on."""
    impressions, clicks, expected, catalogue = 0, 0, 0.0, []
    for log in days:
        age = log.visits.day - shop.launch_day
        is_new = (age >= 0) & (age < new_days)
        catalogue.append(is_new.sum() / (age >= 0).sum())
        on_new = is_new[log.shown]
        impressions += int(on_new.sum())
        clicks += int(log.response.click[on_new].sum())
        expected += float(log.response.p_click[on_new].sum())
    of_all = impressions / sum(log.shown.size for log in days)
    ctr, true_ctr = (total / impressions if impressions else None for total in (clicks, expected))
    return NewItems(of_all, float(np.mean(catalogue)), impressions, ctr, true_ctr, _shown(shop, days))


def _shown(shop: Shop, days: Sequence[DayLog]) -> float | None:
    """Share of the items launched on these days that were shown at all; None where none was launched."""
    launched = np.flatnonzero((shop.launch_day >= days[0].visits.day) & shop.launched(days[-1].visits.day))
    shown = np.unique(np.concatenate([log.shown.ravel() for log in days]))
    return float(np.isin(launched, shown).mean()) if len(launched) else None
