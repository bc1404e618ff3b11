"""What the reading of raw files needs beside the files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

FUTURE = timedelta(days=1)
"""So far after now a row's moment may lie: clocks differ, and so do time zones."""


@dataclass(frozen=True, slots=True)
class Reading:
    """``work``: a scratch folder. ``latest_us``: rows later than this moment are rejects. ``separator``: the one to use, where it is not to be found out."""

    work: Path
    latest_us: int
    separator: str | None = None

    @classmethod
    def at(cls, now: datetime, work: Path, separator: str | None) -> Reading:
        return cls(work, round((now + FUTURE).timestamp() * 1e6), separator)
