"""Every run is kept: one JSON line each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.figures import Figures
from benchmarks.machine import Machine
from benchmarks.process import REPOSITORY

HISTORY = Path("benchmarks/history/bench.jsonl")


def append(machine: Machine, figures: Figures) -> Path:
    """Returns the file's path relative to the repository."""
    path = REPOSITORY / HISTORY
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"machine": asdict(machine), **asdict(figures)}) + "\n")
    return HISTORY
