"""What a closed loop has shown, as data: the page and the JSON file are two views of this."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from homefeed.metrics.intervals import Interval


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One policy's day. ``ctr``: clicks per impression; ``cvr``: orders per click; ``true_ctr``: the same as ``ctr``, expected instead of counted.

    ``closed``: share of the gap between `random` (0) and `best` (1) in ``true_ctr``. ``regret``: clicks that `best` is ahead by, expected, since the first day.
    """

    day: int
    impressions: int
    clicks: int
    orders: int
    ctr: Interval
    cvr: Interval
    true_ctr: Interval
    closed: Interval
    regret: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where the impressions of all days went, among the items launched by the last day. ``top_share``: of the impressions, to the 1 % most shown items."""

    gini: float
    coverage: float
    top_share: float
    lorenz: tuple[float, ...]
    """Share of the impressions that the least shown 0 %, 5 %, … 100 % of the items have."""


@dataclass(frozen=True, slots=True)
class NewItems:
    """What items got in their first days. ``share``: of all impressions; ``catalogue_share``: what chance would give them; ``ctr``: None without impressions.

    ``shown``: share of the items launched in the loop that were shown at all.
    """

    share: float
    catalogue_share: float
    impressions: int
    ctr: float | None
    true_ctr: float | None
    shown: float | None


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """One policy over all days. ``ahead``: its CTR less another policy's, paired by user. ``value``: what orders brought per 1,000 impressions."""

    days: tuple[DayFigures, ...]
    ctr: Interval
    cvr: Interval
    orders: Interval
    """Per 1,000 impressions."""
    value: Interval
    true_ctr: Interval
    closed: Interval
    regret: float
    ahead: dict[str, Interval]
    exposure: Exposure
    new_items: NewItems
    night_seconds: float
    day_seconds: float


@dataclass(frozen=True, slots=True)
class LoopReport:
    """``settings``: every knob of the shop that was played."""

    preset: str
    seed: int
    users: int
    items: int
    impressions: int
    policies: dict[str, PolicyFigures]
    settings: dict[str, Any]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, allow_nan=False, default=str) + "\n"
