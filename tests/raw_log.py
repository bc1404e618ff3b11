"""Further columns for a log of raw rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def rewrite(log: Path, header: str, columns: Sequence[str], keep: int = 4) -> None:
    """Give the log a header row and, behind the first ``keep`` columns, ``columns`` in turn; a header row that it has goes."""
    rows = [",".join(line.split(",")[:keep]) for line in log.read_text().splitlines() if not line.startswith("ts,")]
    ends = [f",{columns[n % len(columns)]}" if columns else "" for n in range(len(rows))]
    log.write_text("".join(f"{line}\n" for line in [header, *map("".join, zip(rows, ends, strict=True))]))
