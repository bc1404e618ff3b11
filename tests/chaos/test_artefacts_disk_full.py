"""A disk that is full while tables, checkpoints and bundles are written: one clear line, everything as it was, and the next run succeeds."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from shop_project import QUICK_TRAINING, Project, environment, server_with_a_port

from homefeed.core.errors import HomefeedError
from homefeed.simulation.planted import planted_taste_shop

DISK_BYTES, PAGE = 8 << 20, 4096
COMMANDS = ("etl", "train recall", "train rank", "evaluate", "export")
TOLD = re.compile(r"No space is left on the disk to write (\S+)\. Nothing that was there is lost\. Make room, then run this again\.")


@dataclass(frozen=True, slots=True)
class Disk:
    """A project on a small disk of its own."""

    project: Project

    @property
    def filler(self) -> Path:
        return self.project.folder / "filler"

    def leave(self, free: int) -> None:
        """So many bytes free and no more."""
        self.filler.unlink(missing_ok=True)
        available = os.statvfs(self.project.folder)
        self.filler.write_bytes(bytes(max(available.f_bavail * available.f_frsize - free, 0)))

    def run(self, command: str) -> str:
        return self.project.inside(*command.split(), *(self.project.address if command == "export" else ()))

    def content(self) -> dict[str, str]:
        """Every file but the filler, by its checksum. The lock of the ETL is an empty file that stays."""
        files = (path for path in self.project.folder.rglob("*") if path.is_file() and path != self.filler and path.name != ".lock")
        return {str(path.relative_to(self.project.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk of our own: {mounted.stderr.strip()}")
    try:
        with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
            project = Project(folder, port)
            planted_taste_shop(project.raw, users=120, items=60)
            (folder / "homefeed.toml").write_text(QUICK_TRAINING)
            project.inside("run", *project.address)
            project.inside("evaluate")
            yield Disk(project)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_at_whatever_moment_is_one_line_and_everything_is_as_it_was(command: str, disk: Disk) -> None:
    before = disk.content()
    told: list[str] = []  # with so little room left a command may also succeed
    for free in (0, 4 * PAGE, 20 * PAGE):
        disk.leave(free)
        try:
            disk.run(command)
        except HomefeedError as error:
            told.append(str(error))
            assert disk.content() == before
        else:
            before = disk.content()
    assert told
    assert [line for line in told if not TOLD.fullmatch(line)] == []
    disk.filler.unlink()
    disk.run(command)
    assert disk.content() != before or command != "export"


def test_a_full_disk_ends_a_command_with_exit_code_1_and_no_traceback(disk: Disk) -> None:
    disk.leave(2 * PAGE)
    ran = disk.project.homefeed("etl")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)
    assert ran.stderr.startswith("Error: No space is left on the disk to write data/processed")
    disk.filler.unlink()


def test_what_is_served_stays_when_the_disk_of_the_export_is_full(disk: Disk) -> None:
    client, live = disk.project.client(), disk.project.folder / "data" / "releases" / "LIVE"
    lists, release = {key: client.zrange(key, 0, -1) for key in client.scan_iter("recall:*")}, live.read_text()
    disk.leave(2 * PAGE)
    with pytest.raises(HomefeedError, match=r"No space is left on the disk to write .*/data/releases"):
        disk.run("export")
    assert {key: client.zrange(key, 0, -1) for key in client.scan_iter("recall:*")} == lists
    assert live.read_text() == release
    disk.filler.unlink()
    disk.run("export")
    assert live.read_text() != release


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("project"), 0)
    planted_taste_shop(project.raw, users=120, items=60)
    (project.folder / "homefeed.toml").write_text(QUICK_TRAINING)
    project.inside("run", "--no-export")
    return project


WRITTEN = [
    ("etl", "data/processed"),
    ("train rank", "src/models/saved/deepfm.report.pth"),
    ("validate", f"{tempfile.gettempdir()}/homefeed-validate."),
]


@pytest.mark.parametrize(("command", "place"), WRITTEN)
def test_a_limit_on_the_size_of_files_is_told_as_a_full_disk(command: str, place: str, shop: Project) -> None:
    """Where nobody may mount a small disk; Polars and torch meet it in the same places."""
    before = {path: path.read_bytes() for path in (*shop.processed.iterdir(), *shop.models.iterdir()) if path.is_file()}
    words = [sys.executable, "-m", "homefeed", *command.split()]
    limited: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))  # noqa: E731
    ran = subprocess.run(words, cwd=shop.folder, env=environment(), capture_output=True, text=True, timeout=120, check=False, preexec_fn=limited)
    assert ran.returncode == 1, ran.stderr
    assert ran.stderr.startswith(f"Error: No space is left on the disk to write {place}")
    assert {path: path.read_bytes() for path in (*shop.processed.iterdir(), *shop.models.iterdir()) if path.is_file()} == before
