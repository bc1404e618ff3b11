"""Hotness (``global_score``): how much an item is wanted at a moment, relative to the catalogue at that moment. This page is its definition.

Let H be the half-life and ``decay(t, s) = 2 ** -((t - s) / H)``. For item i and a moment t, over the log rows strictly before t:

- ``I_i(t)`` = sum of ``decay(t, ts)`` over its rows: decayed impressions,
- ``C_i(t)`` = the same over its label-1 rows, each times its ``weight``: decayed clicks,
- ``p(t)   = sum_j C_j / sum_j I_j``: the catalogue's click rate (over all items j seen so far),
- ``ctr_i  = (C_i + m p) / (I_i + m)`` with m = ``prior_impressions``: Bayesian-smoothed CTR,
- ``lift_i = ctr_i / p``: 1 is the catalogue's average,
- ``share_i = I_i / mean_j I_j``: 1 is the impressions of an average item seen so far,
- ``global_score_i = lift_i * (1 + ln(1 + share_i)) / 2``.

Both factors are ratios to the catalogue at t, so the first day and the last are on one scale: an average item scores about 0.85, a new one 0.5.
The logarithm lets CTR decide among items that are shown about equally often, and popularity where CTR says nothing (a log of orders alone: every
lift is 1). While nothing was clicked (p = 0) every lift is 1; while nothing was shown, every share is 0. So the score is always finite and above 0.

Three moments, never confused: just after the last row of the log (for serving), each row's own moment (for the ranker), just after the train side
(to evaluate recall).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MICROSECONDS_PER_DAY = 86_400_000_000
MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class HotnessRule:
    """Half-life in microseconds, and the strength of the prior on CTR in impressions."""

    half_life_us: float
    prior_impressions: float

    @property
    def half_life_days(self) -> float:
        return self.half_life_us / MICROSECONDS_PER_DAY


def choose_rule(half_life_days: float | None, prior_impressions: float, train_span_us: int) -> HotnessRule:
    """The configured half-life, or a quarter of the train side's time span, at least one hour."""
    half_life_us = half_life_days * MICROSECONDS_PER_DAY if half_life_days is not None else max(train_span_us / 4, MICROSECONDS_PER_HOUR)
    return HotnessRule(half_life_us, prior_impressions)


def hotness_at(moment_us: int, ts_us: npt.NDArray[np.int64], item: npt.NDArray[np.intp], clicks: Floats, n_items: int, rule: HotnessRule) -> Floats:
    """float64[n_items] scores from the rows strictly before ``moment_us``; the formula, word for word.

    ``ts_us``, ``item`` (0 to n_items - 1) and ``clicks`` (weight where the label is 1, else 0): one entry a log row.
    """
    past = ts_us < moment_us
    decay = np.exp2(-((moment_us - ts_us[past]) / rule.half_life_us))
    impressions, clicked = (np.bincount(item[past], weights, n_items).astype(np.float64) for weights in (decay, decay * clicks[past]))
    lift = smoothed_lift(impressions, clicked, impressions.sum(), clicked.sum(), rule)
    return global_score(impressions, lift, impressions.sum(), len(np.unique(item[past])))


def smoothed_lift(impressions: Floats, clicks: Floats, total_impressions: float, total_clicks: float, rule: HotnessRule) -> Floats:
    """Smoothed CTR over the catalogue's click rate; 1 where that rate is 0."""
    if total_clicks <= 0:
        return np.ones_like(impressions)
    rate = total_clicks / total_impressions
    lift: Floats = (clicks + rule.prior_impressions * rate) / (impressions + rule.prior_impressions) / rate
    return lift


def global_score(impressions: Floats, lift: Floats, total_impressions: float, items_seen: int) -> Floats:
    """Lift, raised by how often the item is shown relative to an average item."""
    share: Floats = impressions * items_seen / total_impressions if total_impressions > 0 else np.zeros_like(impressions)
    score: Floats = lift * (1 + np.log1p(share)) / 2
    return score
