"""The outcome of an evaluation as plain data: what is saved as JSON, printed as tables and drawn on the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from homefeed.metrics.intervals import Interval

Stage = Literal["recall", "rank", "slate"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its 95 % interval; None where there is none (NaN does not exist in JSON)."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, interval: Interval) -> Figure:
        return cls(*(None if number != number else number for number in (interval.mean, interval.low, interval.high)))


Figures = Mapping[str, Figure]
"""By metric."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One group of users. ``figures``: by contender; ``ahead``: ours less a baseline over the same users, by baseline."""

    name: str
    users: int
    clicks: int
    figures: Mapping[str, Figures]
    ahead: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot. Recall: recall over k. Rank: observed over predicted click rate."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StageReport:
    """``ours``: the contender that is measured, beside the baselines. ``lead``: the metric that decides; ``metrics``: all of them in order."""

    stage: Stage
    ours: str
    lead: str
    metrics: tuple[str, ...]
    segments: tuple[Segment, ...]
    curves: tuple[Curve, ...]


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
    """``made_at``: ISO 8601."""

    made_at: str
    dataset: DatasetFacts
    recall: StageReport
    rank: StageReport
    slate: StageReport

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EvaluationReport:
        """Raises ``KeyError`` or ``TypeError`` when the text is not a report."""
        raw: dict[str, Any] = json.loads(text)
        return cls(raw["made_at"], DatasetFacts(**raw["dataset"]), *(_stage(raw[name]) for name in ("recall", "rank", "slate")))


def _stage(raw: Mapping[str, Any]) -> StageReport:
    curves = tuple(Curve(c["name"], tuple(c["x"]), tuple(c["y"])) for c in raw["curves"])
    return StageReport(raw["stage"], raw["ours"], raw["lead"], tuple(raw["metrics"]), tuple(_segment(s) for s in raw["segments"]), curves)


def _segment(raw: Mapping[str, Any]) -> Segment:
    return Segment(raw["name"], raw["users"], raw["clicks"], *(_figures(raw[name]) for name in ("figures", "ahead")))


def _figures(raw: Mapping[str, Any]) -> dict[str, Figures]:
    return {contender: {metric: Figure(**figure) for metric, figure in figures.items()} for contender, figures in raw.items()}
