"""Commands as whole processes, with what they cost.

The measuring process imports no numpy and stays small on purpose: on Linux a child's peak memory starts at the peak of the process that started it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homefeed.core.errors import HomefeedError

REPOSITORY = Path(__file__).parents[1]
_LAST_LINES = 12
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Workplace:
    """A shop's project folder: the working directory of every ``homefeed`` command, so that its paths are the defaults."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def visitors(self) -> Path:
        """Raw user ids drawn by activity, one a line."""
        return self.folder / "visitors.txt"

    def log(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.log"


@dataclass(frozen=True, slots=True)
class Cost:
    """``cpu_seconds``: user and system, of the process and the children it waited for. ``peak_bytes``: resident, of the largest of them."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def homefeed(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "homefeed", *arguments]


def environment() -> dict[str, str]:
    """This process's, without homefeed's settings: the defaults are measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}


def run(place: Workplace, name: str, words: list[str]) -> Cost:
    """Run ``words`` to their end. Raises ``HomefeedError`` with the last lines of what they said when they fail."""
    with place.log(name).open("w") as log:
        started = time.perf_counter()
        process = subprocess.Popen(words, cwd=place.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall_seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise HomefeedError(f"{name} ended with exit code {process.returncode}:\n{last_lines(place.log(name))}")
    return Cost(wall_seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_BYTES)


def helper(place: Workplace, module: str, *arguments: str) -> Any:
    """The JSON that a module of this package prints, run as a process of its own. Raises ``HomefeedError``."""
    with place.log(module).open("w") as log:
        words = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(words, cwd=REPOSITORY, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, check=False)
    if done.returncode:
        raise HomefeedError(f"{module} ended with exit code {done.returncode}:\n{last_lines(place.log(module))}")
    return json.loads(done.stdout)


def last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
