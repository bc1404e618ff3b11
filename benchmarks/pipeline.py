"""The nightly steps, each a process of its own. What a step is measured by: a name, a command line, and what it works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import StepFigures
from benchmarks.process import Workplace, homefeed, run


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    words: list[str]
    rows: int
    unit: str


def measure_pipeline(place: Workplace, impressions: int, users: int) -> list[StepFigures]:
    """From raw logs to a live release in the embedded store of ``place``. Raises ``HomefeedError`` where a step fails."""
    return measure_steps(place, homefeed_steps(impressions, users))


def homefeed_steps(impressions: int, users: int) -> list[Step]:
    return [
        Step("etl", homefeed("etl"), impressions, "impressions"),
        Step("train recall", homefeed("train", "recall"), impressions, "impressions"),
        Step("train rank", homefeed("train", "rank"), impressions, "impressions"),
        Step("export", homefeed("export"), users, "users"),
    ]


def measure_steps(place: Workplace, steps: Sequence[Step]) -> list[StepFigures]:
    return [_measure(place, step) for step in steps]


def _measure(place: Workplace, step: Step) -> StepFigures:
    print(step.name, end=" ", flush=True)
    cost = run(place, step.name, step.words)
    print(f"{cost.wall_seconds:.1f} s", flush=True)
    return StepFigures(step.name, cost.wall_seconds, cost.cpu_seconds, cost.peak_bytes, step.rows, step.unit, step.rows / cost.wall_seconds)
