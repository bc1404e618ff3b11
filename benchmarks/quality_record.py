"""One run of the quality benchmark, as it is kept: one JSON line each in ``history/quality.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.machine import Machine
from benchmarks.process import REPOSITORY
from homefeed.evaluation.baselines.results import BaselineNote
from homefeed.evaluation.report import Calibration, DatasetFacts, Difference, Figure

HISTORY = Path("benchmarks/history/quality.jsonl")
Kind = Literal["evaluation", "shop"]


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Of one stage and one group of users. ``figures``: contender -> metric. ``ahead``: ours less each baseline, by the lead metric."""

    stage: str
    segment: str
    users: int
    ours: str
    lead: str
    best: str | None
    figures: Mapping[str, Mapping[str, Figure]]
    ahead: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class ShopFigures:
    """Of the slates that a group of a simulated shop's users was served: true click rates (0 to 1) of the day after the log.

    ``closed``: share of the gap between a random slate and the best possible one, ``single_closed``: that of the best single list for everybody.
    ``short``, ``repeated``: slates with fewer than ``k`` items, or an item twice; ``foreign``: items that are not the shop's; ``distinct``: items.
    """

    group: str
    users: int
    k: int
    random: float
    ours: float
    best: float
    closed: Figure
    single_closed: float
    ahead_of_single: Figure
    short: int
    repeated: int
    foreign: int
    distinct: int


@dataclass(frozen=True, slots=True)
class QualityRecord:
    """``seconds`` and ``peak_bytes`` by step. What a kind of run has not is empty."""

    kind: Kind
    set: str
    command: str
    machine: Machine
    seconds: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    dataset: DatasetFacts | None = None
    stages: tuple[StageFigures, ...] = ()
    baselines: Mapping[str, BaselineNote] = field(default_factory=dict)
    calibration: Calibration | None = None
    shop: tuple[ShopFigures, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What one table is about: the newest record of a key is shown."""
        return (self.kind, self.set, self.dataset.split if self.dataset else "")


_RECORD = TypeAdapter(QualityRecord)


def append(record: QualityRecord, path: Path = REPOSITORY / HISTORY) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(record), allow_nan=False) + "\n")


def newest(path: Path = REPOSITORY / HISTORY) -> list[QualityRecord]:
    """The last record of each key, in the order of the keys."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    by_key = {record.key: record for record in map(_RECORD.validate_json, lines)}
    return [by_key[key] for key in sorted(by_key)]
