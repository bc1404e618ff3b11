"""The outcome of an evaluation as plain data: what is saved as JSON, printed as tables and drawn on the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from pydantic import TypeAdapter

from homefeed.evaluation.baselines.results import BaselineNote
from homefeed.metrics.intervals import Interval

FORMAT = 2
"""Of the JSON file: grows when a field changes its meaning or goes."""
Stage = Literal["recall", "rank", "slate"]
Verdict = Literal["ahead", "behind", "cannot be told"]
DOUBT = 0.05
"""p above which a difference cannot be told."""
LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error"})


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its 95 % interval; None where there is none (NaN does not exist in JSON)."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, interval: Interval) -> Figure:
        return cls(*(_known(number) for number in (interval.mean, interval.low, interval.high)))


@dataclass(frozen=True, slots=True)
class Difference:
    """Ours less a baseline over the same users, with its 95 % interval. ``p``: of the paired test, None where the figure is no sum over users."""

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    verdict: Verdict

    @classmethod
    def of(cls, metric: str, interval: Interval, p: float) -> Difference:
        """Ahead or behind beyond doubt: the whole interval on one side of 0, and the test, where there is one (``p`` not NaN), of the same mind.

        Of a handful of users an interval alone would be too sure.
        """
        sign = 0 if p > DOUBT else (int(interval.low > 0) - int(interval.high < 0)) * (-1 if metric in LOWER_IS_BETTER else 1)
        verdicts: dict[int, Verdict] = {1: "ahead", -1: "behind", 0: "cannot be told"}
        return cls(_known(interval.mean), _known(interval.low), _known(interval.high), _known(p), verdicts[sign])


@dataclass(frozen=True, slots=True)
class Segment:
    """One group of users or of items. ``clicks``: pairs of a user and a relevant item (rank: clicked rows).

    ``figures``: contender -> metric. ``ahead``: ours less each other contender -> metric. ``best``: the baseline that leads the others by the lead metric.
    """

    name: str
    users: int
    clicks: int
    figures: Mapping[str, Mapping[str, Figure]]
    ahead: Mapping[str, Mapping[str, Difference]]
    best: str | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot. Recall: recall over k. Rank: observed over predicted click rate."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Our click probabilities, judged only where label 0 was shown.

    ``perfect_95``: 95th percentile of the error that a perfect model would have on the same probabilities; ``limit``: that or 0.01, whichever is larger.
    ``low`` and ``high``: where a perfect model's click rate lies in 95 of 100 cases, at the points of our curve.
    """

    error: float
    perfect_95: float
    limit: float
    calibrated: bool
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SourceShare:
    """What one source of candidates brings to the slates. ``places``: share of all places; ``hits``: share of all hits; ``hit_rate``: hits a place."""

    source: str
    places: float
    hits: float
    hit_rate: float


@dataclass(frozen=True, slots=True)
class StageReport:
    """``ours``: the contender that is measured; ``also_ours``: contenders that are no baseline either. ``lead``: the metric that decides.

    ``metrics``: those of user segments, in order; item segments have those of ``item_metrics``.
    """

    stage: Stage
    ours: str
    also_ours: tuple[str, ...]
    lead: str
    metrics: tuple[str, ...]
    item_metrics: tuple[str, ...]
    segments: tuple[Segment, ...]
    item_segments: tuple[Segment, ...]
    curves: tuple[Curve, ...]
    calibration: Calibration | None = None
    sources: tuple[SourceShare, ...] = ()

    def segment(self, name: str) -> Segment:
        return next(segment for segment in self.segments if segment.name == name)


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """Rows and click rates of the log. ``drawn_negatives``: items drawn as 0 rows for each click, where the log has none; 0 where it has."""

    users: int
    items: int
    train_rows: int
    test_rows: int
    train_click_rate: float
    test_click_rate: float
    split: str
    test_from_us: int
    seen_policy: str
    seen_reason: str
    drawn_negatives: int = 0


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """``made_at``: ISO 8601. ``baselines``: how each came about, those too that gave nothing.

    ``orders``: figures of the chance of an order, by name; empty where the shop has none.
    """

    format: int
    made_at: str
    dataset: DatasetFacts
    baselines: Mapping[str, BaselineNote]
    recall: StageReport
    rank: StageReport
    slate: StageReport
    orders: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EvaluationReport:
        """Raises ``ValueError`` when the text is not a report."""
        return TypeAdapter(cls).validate_json(text)


def _known(number: float) -> float | None:
    return None if number != number else float(number)
