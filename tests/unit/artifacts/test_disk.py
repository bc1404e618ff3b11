"""A file is written whole or not at all, whoever is killed meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from homefeed.artifacts.disk import full_disk_told, scratch_folder, whole_file
from homefeed.core.errors import ArtifactError


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with whole_file(path) as fresh:
        fresh.write_text("old")
    with pytest.raises(UnicodeEncodeError), whole_file(path) as fresh:
        fresh.write_text("half \ud800", encoding="utf-8")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_what_a_killed_writer_left_is_removed_and_a_running_ones_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    of_the_dead, of_another, of_the_living = (
        tmp_path / f".{name}.{pid}.tmp" for name, pid in (("file", dead.pid), ("other", dead.pid), ("file", os.getppid()))
    )
    for left in (of_the_dead, of_another, of_the_living):
        left.write_text("half")
    with whole_file(tmp_path / "file") as fresh:
        fresh.write_text("new")
    assert {p.name for p in tmp_path.iterdir()} == {"file", of_another.name, of_the_living.name}


def test_a_killed_process_scratch_folder_goes_with_the_next_and_a_running_ones_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    of_the_living = [f"work.{os.getppid()}.abc", f"other.{dead.pid}.abc", "work.of-somebody.else"]
    for name in (f"work.{dead.pid}.abc", "work.99999999999999999999.abc", *of_the_living):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log").write_text("a customer's")
    with scratch_folder("work") as folder:
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, *of_the_living}
        (folder / "file").write_text("mine")
    assert {path.name for path in tmp_path.iterdir()} == set(of_the_living)


KILLED = """
import os, signal, sys
from pathlib import Path
from homefeed.artifacts.disk import whole_file
with whole_file(Path(sys.argv[1])) as fresh:
    fresh.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    with whole_file(path) as fresh:
        fresh.write_text("new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "new")]


def test_a_full_disk_is_told_with_the_file_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=rf"No space is left on the disk to write {tmp_path}/file.*Make room"), whole_file(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


NUMBERS = np.zeros(100_000)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which is always full, on this system")
@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(bytes(100_000)),
        lambda path: pl.DataFrame({"a": NUMBERS}).write_csv(path),
        lambda path: pl.DataFrame({"a": NUMBERS}).lazy().sink_csv(path),
        lambda path: pl.DataFrame({"a": NUMBERS}).write_parquet(path, compression="uncompressed"),
        lambda path: pl.DataFrame({"a": NUMBERS}).lazy().sink_parquet(path, compression="uncompressed"),
    ],
    ids=["bytes", "csv", "csv sink", "parquet", "parquet sink"],
)
def test_each_librarys_word_for_a_full_disk_is_understood(write: Callable[[Path], None]) -> None:
    with pytest.raises(ArtifactError, match="No space is left on the disk to write here"), full_disk_told(Path("here")):
        write(Path("/dev/full"))


def test_another_failure_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), full_disk_told(tmp_path):
        (tmp_path / "no" / "file").write_text("")
    with pytest.raises(Exception, match="os error 2"), full_disk_told(tmp_path):  # safetensors speaks in its text alone
        save_file({"a": NUMBERS}, tmp_path / "no" / "file")
