"""Whether the served ranker still means what it says: its mean pCTR of the log's last day against what was clicked there.

The calibration was learned from the first fit, on a slice that it had not seen; the served fit keeps it and has learned all rows, the last day's too. So
this is no measure of how well it predicts: it has seen the answers. It tells whether the calibration carries over to a fit on more rows, and whether
the shop left the slice behind: a new mix of items, a sale, a fault of the log. That a fit agrees with its last day says nothing of the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import ProcessedDataset
from homefeed.recall.moment import known_rows
from homefeed.training.rank_deepfm import predict

DAY_US = 24 * 3600 * 10**6
MOST_DRIFT = 0.1
"""Of the click rate. More is told."""
CHANCE = 2.0
"""So many standard errors of the day's click rate are chance: a day of fifty clicks is off by a seventh every third time."""


@dataclass(frozen=True, slots=True)
class CalibrationDrift:
    """Of the last 24 hours that the model has seen: impressions, mean pCTR, click rate, and the standard error that the pCTR themselves say of it."""

    rows: int
    p_click: float
    click_rate: float
    standard_error: float

    @property
    def relative(self) -> float:
        """How much more is said than is clicked, 0.1 for a tenth."""
        return (self.p_click - self.click_rate) / max(self.click_rate, 1 / self.rows)

    @property
    def is_told(self) -> bool:
        """Above 10 %, and more than chance."""
        return abs(self.relative) > MOST_DRIFT and abs(self.p_click - self.click_rate) > CHANCE * self.standard_error

    def figures(self) -> dict[str, float]:
        """For the release's record."""
        figures = {"rows": float(self.rows), "mean_p_click": self.p_click, "click_rate": self.click_rate, "drift": self.relative}
        return {f"last_day_{name}": round(figure, 6) for name, figure in figures.items()}

    def warning(self) -> str:
        return (
            f"WARNING: the ranker expects {self.p_click:.2%} of the last day's {self.rows:,} impressions to be clicked, {self.click_rate:.2%} were "
            f"({self.relative:+.0%}): p_click means less than it says, the order of slates is hardly touched. "
            "Check the last day's log; what to do next: docs/ranking.md, Drift"
        )


def calibration_drift(dataset: ProcessedDataset, rank: Checkpoint) -> CalibrationDrift | None:
    """None where the log holds clicks alone, so that no click rate is known."""
    rows = known_rows(dataset, rank)
    if dataset.train.drawn.any() or not len(rows) or rows.label.all():
        return None
    last_day = rows.take(rows.ts_us > rows.ts_us.max() - DAY_US)
    p = predict(rank.model, dataset, last_day).astype(np.float64)
    standard_error = float(np.sqrt((p * (1 - p)).sum()) / len(p))
    return CalibrationDrift(len(p), float(p.mean()), float(last_day.label.mean()), standard_error)
