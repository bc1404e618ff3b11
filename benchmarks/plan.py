"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """``shop``: a size that ``benchmarks.shop`` knows. Each load ends after ``load_seconds``, or ``load_requests`` of each connection."""

    shop: str
    api_starts: int
    connections: tuple[int, ...]
    load_seconds: float
    load_requests: int
    scored_requests: int


DEMO = Plan("demo", api_starts=5, connections=(1, 4), load_seconds=8.0, load_requests=50_000, scored_requests=20_000)
QUICK = Plan("quick", api_starts=1, connections=(1, 4), load_seconds=1.0, load_requests=5_000, scored_requests=2_000)
