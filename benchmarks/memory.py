"""Resident memory of a process and everything it started, from Linux's /proc."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import ProcessMemory

_PROC = Path("/proc")


def memory_of(pid: int) -> tuple[ProcessMemory, ...]:
    """The parent first, then its descendants; empty on a system without ``smaps_rollup``."""
    if not (_PROC / str(pid) / "smaps_rollup").exists():
        return ()
    workers = descendants(pid)
    return (_memory("parent", pid), *(_memory("worker", worker) for worker in workers))


def descendants(pid: int) -> list[int]:
    children = [int(word) for thread in (_PROC / str(pid) / "task").iterdir() for word in (thread / "children").read_text().split()]
    return children + [further for child in children for further in descendants(child)]


def _memory(role: str, pid: int) -> ProcessMemory:
    lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(value.split()[0]) for name, value in (line.split(":", 1) for line in lines)}
    return ProcessMemory(role, kilobytes["Rss"] * 1024, kilobytes["Pss"] * 1024)
