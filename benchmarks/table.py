"""The figures of one run, for a person."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.figures import ApiFigures, Figures, LoadFigures, StepFigures
from benchmarks.machine import Machine

_MB = 1_000_000


def print_table(machine: Machine, figures: Figures) -> None:
    console, shop = Console(highlight=False), figures.shop
    commit = f"commit {machine.commit}{', changed since' if machine.changed else ''}" if machine.commit else "no git checkout"
    console.print(f"\n{shop.name} shop: {shop.impressions:,} impressions, {shop.users:,} users, {shop.items:,} items")
    console.print(f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 1e9:.0f} GB, load average {machine.load_average}; {commit}")
    console.print(", ".join(f"{name} {number}" for name, number in machine.versions.items()), soft_wrap=True)
    for table in (_steps(figures.steps), _load(figures.load), _rest(figures)):
        console.print()
        console.print(table)


def _steps(steps: Sequence[StepFigures]) -> Table:
    table = _table("step, as a process", "wall s", "CPU s", "peak MB", "rows/s", "rows")
    for step in steps:
        table.add_row(
            step.name, f"{step.wall_seconds:.1f}", f"{step.cpu_seconds:.1f}", f"{step.peak_bytes / _MB:,.0f}",
            f"{step.rows_per_second:,.0f}", f"{step.rows:,} {step.unit}",
        )  # fmt: skip
    table.add_section()
    table.add_row("in all", f"{sum(s.wall_seconds for s in steps):.1f}", f"{sum(s.cpu_seconds for s in steps):.1f}", "", "", "")
    return table


def _load(loads: Sequence[LoadFigures]) -> Table:
    table = _table("route", "conn.", "requests/s", "p50 ms", "p99 ms", "requests", "degraded")
    for load in loads:
        table.add_row(
            load.route, f"{load.connections}", f"{load.requests_per_second:,.0f}", f"{load.p50_us / 1000:.2f}", f"{load.p99_us / 1000:.2f}",
            f"{load.requests:,}", f"{load.degraded:,}",
        )  # fmt: skip
    return table


def _rest(figures: Figures) -> Table:
    table, api, scoring = _table("one API", "figure", ""), figures.api, figures.scoring
    table.add_row("start to healthy, s", f"{median(api.start_seconds):.2f}", _spread(api.start_seconds))
    table.add_row("resident, MB", *_memory(api))
    table.add_row(f"score {scoring.candidates} candidates, µs", f"{scoring.p50_us:.0f}", f"p99 {scoring.p99_us:.0f}, in process")
    return table


def _spread(seconds: Sequence[float]) -> str:
    return f"median of {len(seconds)}, {min(seconds):.2f} to {max(seconds):.2f}" if len(seconds) > 1 else "one start"


def _memory(api: ApiFigures) -> tuple[str, str]:
    if not api.memory:
        return "", "not measured on this system"
    parts = " + ".join(f"{part.role} {part.resident_bytes / _MB:.0f}" for part in api.memory)
    shared = sum(part.proportional_bytes for part in api.memory) / _MB
    return f"{sum(part.resident_bytes for part in api.memory) / _MB:.0f}", f"{parts}; {shared:.0f} with shared pages once"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="left" if title in ("rows", "") else "right", no_wrap=True)
    return table
