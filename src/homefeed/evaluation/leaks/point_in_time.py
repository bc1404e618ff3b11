"""Each row's hotness, reckoned a second time: row after row in order of time, from strictly earlier rows alone.

A plain loop over moments, without the running sums, joins and anchors of the ETL, so that the two cannot be wrong together.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.leaks.findings import Leak, Look
from homefeed.evaluation.leaks.naming import named_row
from homefeed.features.hotness import MICROSECONDS_PER_DAY

NAME = "hotness at a row's own moment"
TOLERANCE = 1e-5
"""Relative: the tables hold float32."""
FADED = 1e-60
"""Of a past of which so little is left nothing can be compared: the ETL leaves out what is older than 400 half-lives."""
Floats = npt.NDArray[np.float64]


def look_at_hotness(dataset: ProcessedDataset) -> Look:
    """Every row of both sides."""
    rows = Interactions.concatenate([dataset.train, dataset.test])
    half_life_us, prior = dataset.meta.half_life_days * MICROSECONDS_PER_DAY, dataset.meta.prior_impressions
    before = hotness_of_rows(rows, half_life_us, prior, own_moment=False)
    wrong = _differs(rows.hotness, before)
    at = f"{len(rows):,} rows, each against the rows of strictly smaller ts"
    if not wrong.any():
        return Look(NAME, at)
    others, own = rows.take(wrong), hotness_of_rows(rows, half_life_us, prior, own_moment=True)[wrong]
    holds_own = ~_differs(others.hotness, own)
    why = (
        "it holds the row's own moment, and with it its own label" if holds_own.mean() > 0.5 else "it holds rows that are not earlier, or another rule made it"
    )
    first = int(np.flatnonzero(wrong)[0])
    example = f"{named_row(dataset, rows, wrong)}: hotness {rows.hotness[first]:.6g}, from its past {before[first]:.6g}"
    what = f"rows have a hotness that their past does not explain: {why}"
    return Look(
        NAME, at, (Leak(what, "hotness in train.parquet and test.parquet", int(wrong.sum()), example, "Make it again: homefeed etl; then train again"),)
    )


def hotness_of_rows(rows: Interactions, half_life_us: float, prior: float, *, own_moment: bool) -> Floats:
    """float64[N] scores; NaN where hardly anything is left of the past. ``own_moment``: what they would be if rows of the same ts counted too."""
    past = _Past(half_life_us, prior)
    order = np.argsort(rows.ts_us, kind="stable")
    starts = np.flatnonzero(np.diff(rows.ts_us[order], prepend=-1))
    items, clicks, counts = rows.item[order].tolist(), (rows.label * rows.weight)[order].tolist(), (~rows.drawn[order]).tolist()
    moments, scores = rows.ts_us[order][starts].tolist(), []
    for now, start, end in zip(moments, starts.tolist(), [*starts.tolist()[1:], len(rows)], strict=True):
        past.fade(now)
        if own_moment:
            past.add(items[start:end], clicks[start:end], counts[start:end])
        scores += [past.score(item) for item in items[start:end]]
        if not own_moment:
            past.add(items[start:end], clicks[start:end], counts[start:end])
    in_order = np.empty(len(rows))
    in_order[order] = scores
    return in_order


@dataclass(slots=True)
class _Past:
    """Decayed impressions and clicks of each item as of ``touched``, and of all as of ``now``."""

    half_life_us: float
    prior: float
    now: int = 0
    impressions: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    clicks: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    touched: dict[int, int] = field(default_factory=dict)
    all_impressions: float = 0.0
    all_clicks: float = 0.0

    def fade(self, now: int) -> None:
        left = 2.0 ** ((self.now - now) / self.half_life_us)
        self.all_impressions, self.all_clicks, self.now = self.all_impressions * left, self.all_clicks * left, now

    def score(self, item: int) -> float:
        """The formula of ``features.hotness``, for one item."""
        if not self.touched:
            return 0.5
        if self.all_impressions < FADED:
            return float("nan")
        left = 2.0 ** ((self.touched.get(item, self.now) - self.now) / self.half_life_us)
        impressions, clicks = self.impressions[item] * left, self.clicks[item] * left
        rate = self.all_clicks / self.all_impressions
        lift = (clicks + self.prior * rate) / (impressions + self.prior) / rate if rate > 0 else 1.0
        return lift * (1 + math.log1p(impressions * len(self.touched) / self.all_impressions)) / 2

    def add(self, items: list[int], clicks: list[float], counts: list[bool]) -> None:
        """The rows of this moment; drawn ones count nothing."""
        for item, clicked, counted in zip(items, clicks, counts, strict=True):
            if counted:
                left = 2.0 ** ((self.touched.get(item, self.now) - self.now) / self.half_life_us)
                self.impressions[item] = self.impressions[item] * left + 1
                self.clicks[item] = self.clicks[item] * left + clicked
                self.touched[item] = self.now
                self.all_impressions += 1
                self.all_clicks += clicked


def _differs(found: npt.NDArray[np.float32], expected: Floats) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = np.abs(found - expected) <= TOLERANCE * np.abs(expected)
    return ~same & ~np.isnan(expected)
