"""The slate log: whole lines in bounded files, and never a request that waits for a disk."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.api import slate_log
from homefeed.api.rotating_file import LogFileError, RotatingFile
from homefeed.api.slate_log import SlateLog, slate_line
from homefeed.core.slate import Slate, SlateItem

SOURCE = Path(__file__).parents[3] / "src"


class Disk:
    """Takes lines, or is full, or stands still."""

    def __init__(self) -> None:
        self.text = b""
        self.is_full = False
        self.goes_on = threading.Event()
        self.goes_on.set()

    def append(self, lines: bytes) -> None:
        self.goes_on.wait(10)
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.text += lines

    def uids(self) -> list[str]:
        return [json.loads(line)["uid"] for line in self.text.splitlines()]


def slate(uid: str = "ann", n: int = 2) -> Slate:
    items = tuple(SlateItem(f"item {place}", 0.5, place, "dssm") for place in range(1, n + 1))
    return Slate("q-1", uid, "rank", items, False, "r1")


def eventually(condition: object, seconds: float = 10.0) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@given(st.text(), st.text())
def test_a_line_is_one_line_of_json_whatever_the_ids_hold(uid: str, item: str) -> None:
    line = slate_line(1.5, Slate("q", uid, "rank", (SlateItem(item, 0.25, 1, "hot"),), True, "r1", ("redis",)))
    assert line.endswith("\n")
    assert line.isascii()
    assert len(line.splitlines()) == 1
    read = json.loads(line)
    assert (read["uid"], read["items"], read["positions"], read["scores"], read["sources"]) == (uid, [item], [1], [0.25], ["hot"])
    assert (read["ts"], read["is_cold_start"], read["degraded"]) == (1.5, True, ["redis"])


def test_lines_come_in_order_and_are_counted() -> None:
    disk, counted = Disk(), Counter[str]()
    log = SlateLog(disk, lambda outcome, lines: counted.update({outcome: lines}))
    for n in range(500):
        log.add(slate(str(n)))
    assert eventually(lambda: counted["written"] == 500)
    assert disk.uids() == [str(n) for n in range(500)]


def test_a_disk_that_stands_still_costs_lines_and_no_request_waits(caplog: pytest.LogCaptureFixture) -> None:
    disk, counted = Disk(), Counter[str]()
    disk.goes_on.clear()
    log = SlateLog(disk, lambda outcome, lines: counted.update({outcome: lines}))
    started = time.monotonic()
    for n in range(3 * slate_log.QUEUED):
        log.add(slate(str(n)))
    assert time.monotonic() - started < 5
    assert counted["queue_full"] >= 1.8 * slate_log.QUEUED
    disk.goes_on.set()
    assert eventually(lambda: counted["written"] + counted["queue_full"] == 3 * slate_log.QUEUED)
    assert len([r for r in caplog.records if "are lost" in r.message]) == 1


def test_a_full_disk_is_told_once_and_counted_and_writing_goes_on_when_there_is_room(caplog: pytest.LogCaptureFixture) -> None:
    disk, counted = Disk(), Counter[str]()
    log = SlateLog(disk, lambda outcome, lines: counted.update({outcome: lines}))
    disk.is_full = True
    for n in range(5):
        log.add(slate(str(n)))
        assert eventually(lambda n=n: counted["disk"] == n + 1)  # type: ignore[misc]
    disk.is_full = False
    log.add(slate("later"))
    assert eventually(lambda: counted["written"] == 1)
    assert disk.uids() == ["later"]
    assert [r.levelno for r in caplog.records] == [logging.ERROR]


ENDS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from homefeed.api.rotating_file import RotatingFile
from homefeed.api.slate_log import SlateLog
from homefeed.core.slate import Slate
log = SlateLog(RotatingFile(Path(sys.argv[1]), 2**20, 2), lambda outcome, lines: None)
for n in range(300):
    log.add(Slate("q", str(n), "rank", (), False, "r1"))
"""


def test_a_process_that_ends_in_order_writes_what_still_waits(tmp_path: Path) -> None:
    path = tmp_path / "slates.jsonl"
    subprocess.run([sys.executable, "-c", ENDS, path, SOURCE], check=True, timeout=30)
    assert [json.loads(line)["uid"] for line in path.read_text().splitlines()] == [str(n) for n in range(300)]


def test_a_file_is_turned_over_by_size_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatingFile(path, max_bytes=100, kept=3)
    for n in range(40):
        file.append(b"%029d\n" % n)
    left = {found.name: [int(line) for line in found.read_text().split()] for found in tmp_path.iterdir()}
    assert left == {"log": [39], "log.1": [36, 37, 38], "log.2": [33, 34, 35]}
    assert {found.stat().st_mode & 0o777 for found in tmp_path.iterdir()} == {0o600}


def write_many(path: Path, who: int) -> None:
    file = RotatingFile(path, max_bytes=20_000, kept=1000)
    for n in range(400):
        file.append(b"".join(b"%d %d %s\n" % (who, n, b"x" * 60) for _ in range(3)))


def test_processes_that_write_at_once_lose_no_line_and_tear_none(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writers = [multiprocessing.Process(target=write_many, args=(path, who)) for who in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    lines = [line for found in tmp_path.iterdir() for line in found.read_bytes().splitlines()]
    assert Counter(lines) == {b"%d %d %s" % (who, n, b"x" * 60): 3 for who in range(4) for n in range(400)}
    assert max(found.stat().st_size for found in tmp_path.iterdir()) <= 20_000


def test_a_log_that_somebody_moves_away_is_followed_by_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatingFile(path, 1000, 2)
    file.append(b"before\n")
    path.rename(tmp_path / "taken")
    file.append(b"after\n")
    assert ((tmp_path / "taken").read_bytes(), path.read_bytes()) == (b"before\n", b"after\n")


def fill(path: Path) -> None:
    """With room for 100 bytes: the second append does not fit, the third does."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    file = RotatingFile(path, 10_000, 2)
    file.append(b"x" * 59 + b"\n")
    try:
        file.append(b"y" * 59 + b"\n")
    except OSError:
        file.append(b"z" * 29 + b"\n")
        os._exit(0)
    os._exit(1)


def test_a_disk_that_fills_up_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = multiprocessing.Process(target=fill, args=(path,))
    writer.start()
    writer.join(30)
    assert writer.exitcode == 0
    assert path.read_bytes() == b"x" * 59 + b"\n" + b"z" * 29 + b"\n"


def test_what_is_no_file_that_may_be_written_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "missing" / "log", tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(LogFileError, match="cannot be written"):
            RotatingFile(place, 1000, 2)
