"""`homefeed validate`: the raw files looked at, nothing run and nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from homefeed.artifacts.disk import full_disk_told, scratch_folder
from homefeed.config import Config
from homefeed.core.progress import Progress
from homefeed.etl.validate import Validation, validate_shop


def say_validation(config: Config, progress: Progress, now: datetime) -> bool:
    """Whether an ETL would run; says everything that stops it, not the first thing alone."""
    with scratch_folder("homefeed-validate") as work, full_disk_told(work):
        found = validate_shop(config, now, work)
    for line in _lines(found):
        progress.say(line)
    return not found.problems


def _lines(found: Validation) -> Iterator[str]:
    yield from found.facts
    if found.warnings:
        yield ""
        yield "Worth a look:"
        yield from (f"  {line}" for line in found.warnings)
    yield ""
    if found.problems:
        yield f"homefeed etl would not run, for {len(found.problems)} reason{'s' * (len(found.problems) != 1)}:"
        yield from (f"  {line}" for line in found.problems)
    else:
        yield "homefeed etl would run. It would make:"
        yield from (f"  {line}" for line in found.rehearsed)
