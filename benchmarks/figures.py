"""What was measured. Units stand in the names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One command from its start to its end. ``peak_bytes``: resident, of its largest process. ``rows``: what it worked on, named by ``unit``."""

    name: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    rows: int
    unit: str
    rows_per_second: float


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """``proportional_bytes``: pages that processes share are counted in equal parts (PSS)."""

    role: str
    resident_bytes: int
    proportional_bytes: int


@dataclass(frozen=True, slots=True)
class ApiFigures:
    """``start_seconds``: of each start, in order. ``memory``: of the last one, after all loads; empty where the system has no /proc."""

    start_seconds: tuple[float, ...]
    memory: tuple[ProcessMemory, ...]


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """A closed loop: each connection asks again as soon as it was answered. ``degraded``: answers that named a part that was out."""

    route: str
    connections: int
    requests: int
    degraded: int
    requests_per_second: float
    p50_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class ScoringFigures:
    """One call of ``RankService.score`` for ``candidates`` items of one user, in process."""

    candidates: int
    p50_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class ShopFigures:
    name: str
    impressions: int
    users: int
    items: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One run."""

    shop: ShopFigures
    steps: tuple[StepFigures, ...]
    api: ApiFigures
    load: tuple[LoadFigures, ...]
    scoring: ScoringFigures

    @classmethod
    def of(cls, shop: Mapping[str, Any], steps: Sequence[StepFigures], api: ApiFigures, load: Sequence[LoadFigures], scoring: Mapping[str, Any]) -> Figures:
        """``shop`` and ``scoring`` as their processes printed them."""
        return cls(ShopFigures(**shop), tuple(steps), api, tuple(load), ScoringFigures(**scoring))


def percentile(ascending: Sequence[int], share: float) -> int:
    """The smallest value that at least ``share`` (0 to 1) of them do not exceed."""
    return ascending[max(ceil(share * len(ascending)), 1) - 1]
