"""From played days to figures. Users are resampled, their rows together and the same for all policies, so that differences are paired."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from homefeed.metrics.intervals import Interval
from homefeed.simulation.loop.exposure import exposure_of, new_items_of
from homefeed.simulation.loop.policy import BEST, RANDOM
from homefeed.simulation.loop.report import DayFigures, PolicyFigures
from homefeed.simulation.loop.run import Played
from homefeed.simulation.shop.day_log import DayLog
from homefeed.simulation.shop.dice import Doubles
from homefeed.simulation.shop.settings import LoopSettings
from homefeed.simulation.shop.shop import Shop

_RESAMPLES = 500
_SUMS = ("impressions", "clicks", "orders", "expected", "value")
Sums = dict[str, Doubles]
"""float64[1 + B, D]: sums of a policy's days; row 0 is the data, the others are resamples."""


def figures_of(shop: Shop, settings: LoopSettings, played: Mapping[str, Played], rng: np.random.Generator) -> dict[str, PolicyFigures]:
    """``played`` has `random` and `best` among its policies."""
    sums = _resampled_sums(shop, played, rng)
    return {name: _policy(shop, settings, name, played[name], sums) for name in played}


def _policy(shop: Shop, settings: LoopSettings, name: str, played: Played, all_sums: Mapping[str, Sums]) -> PolicyFigures:
    mine = all_sums[name]
    whole = {other: {key: array.sum(1, keepdims=True) for key, array in sums.items()} for other, sums in all_sums.items()}
    total, ctr = whole[name], {other: _ratio(sums["clicks"], sums["impressions"]) for other, sums in whole.items()}
    regret = np.cumsum(all_sums[BEST]["expected"][0] - mine["expected"][0])
    return PolicyFigures(
        days=_days(played, mine, all_sums, regret),
        ctr=_interval(ctr[name]),
        cvr=_interval(_ratio(total["orders"], total["clicks"])),
        orders=_interval(1_000 * _ratio(total["orders"], total["impressions"])),
        value=_interval(1_000 * _ratio(total["value"], total["impressions"])),
        true_ctr=_interval(_ratio(total["expected"], total["impressions"])),
        closed=_interval(_closed(total, whole)),
        regret=float(regret[-1]),
        ahead={other: _interval(ctr[name] - ctr[other]) for other in all_sums if other != name},
        exposure=exposure_of(shop, played.days),
        new_items=new_items_of(shop, played.days, settings.new_days),
        night_seconds=round(played.night_seconds, 2),
        day_seconds=round(played.day_seconds, 2),
    )


def _days(played: Played, mine: Sums, all_sums: Mapping[str, Sums], regret: Doubles) -> tuple[DayFigures, ...]:
    ctr, cvr = _ratio(mine["clicks"], mine["impressions"]), _ratio(mine["orders"], mine["clicks"])
    true_ctr, closed = _ratio(mine["expected"], mine["impressions"]), _closed(mine, all_sums)
    return tuple(
        DayFigures(
            day=log.visits.day,
            impressions=log.shown.size,
            clicks=int(log.response.click.sum()),
            orders=int(log.response.order.sum()),
            ctr=_interval(ctr[:, n]),
            cvr=_interval(cvr[:, n]),
            true_ctr=_interval(true_ctr[:, n]),
            closed=_interval(closed[:, n]),
            regret=float(regret[n]),
        )
        for n, log in enumerate(played.days)
    )


def _resampled_sums(shop: Shop, played: Mapping[str, Played], rng: np.random.Generator) -> dict[str, Sums]:
    """The same resamples of users for every policy and day."""
    users = len(shop.user_ids)
    who = np.unique(np.concatenate([log.visits.user for log in next(iter(played.values())).days]))
    times = np.ones((1 + _RESAMPLES, len(who)))
    for row in times[1:]:
        row[:] = np.bincount(rng.integers(len(who), size=len(who)), minlength=len(who))
    found: dict[str, Sums] = {}
    for name, one in played.items():
        by_user = np.stack([_by_user(shop, log, users)[who] for log in one.days], axis=1)
        sums = (times @ by_user.reshape(len(who), -1)).reshape(len(times), len(one.days), len(_SUMS))
        found[name] = {key: sums[:, :, n] for n, key in enumerate(_SUMS)}
    return found


def _by_user(shop: Shop, log: DayLog, users: int) -> Doubles:
    """float64[U, 5]: what ``_SUMS`` names, summed over a day's lists of each user."""
    response = log.response
    of_visit = (
        np.full(len(log.visits), float(log.shown.shape[1])),
        response.click.sum(1),
        response.order.sum(1),
        response.p_click.sum(1),
        (response.order * shop.price[log.shown]).sum(1),
    )
    return np.stack([np.bincount(log.visits.user, column, users) for column in of_visit], axis=1)


def _closed(mine: Sums, all_sums: Mapping[str, Sums]) -> Doubles:
    random, best = all_sums[RANDOM]["expected"], all_sums[BEST]["expected"]
    return _ratio(mine["expected"] - random, best - random)


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))


def _interval(column: Doubles) -> Interval:
    """Of float64[1 + B] or [1 + B, 1]; zeros where the figure does not exist."""
    column = column.ravel()
    known = column[1:][~np.isnan(column[1:])]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (0.0, 0.0)
    return Interval(float(np.nan_to_num(column[0])), float(low), float(high))
