"""Files that are on disk whole or not at all, and what a full disk is called."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from homefeed.core.errors import ArtifactError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_BY_RUST = tuple(f"(os error {number})" for number in _FULL)
"""Polars and safetensors tell the operating system's error in their text alone."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file to write beside ``path``, which it replaces on success, safely on disk; on failure ``path`` is as it was and nothing else is left.

    Raises ``ArtifactError`` on a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with full_disk_told(path):
            yield fresh
            sync(fresh)
        os.replace(fresh, path)
        sync(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A folder in ``TMPDIR`` that is gone afterwards; one that a killed process left goes when the next is made."""
    for leftover in Path(gettempdir()).glob(f"{name}.*.*"):
        if _is_left_by_the_dead(leftover.name.split(".")[1]):
            shutil.rmtree(leftover, ignore_errors=True)
    with TemporaryDirectory(prefix=f"{name}.{os.getpid()}.") as folder:
        yield Path(folder)


@contextmanager
def full_disk_told(place: Path) -> Iterator[None]:
    """Raises ``ArtifactError`` where the disk fills up while ``place`` is written, whichever library ran into it."""
    try:
        yield
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise ArtifactError(
            f"No space is left on the disk to write {place}", next_step="Nothing that was there is lost. Make room, then run this again"
        ) from error


def is_disk_full(error: BaseException) -> bool:
    """Whether a full disk, a quota or a limit on the size of files is what happened."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return any(sign in str(error) for sign in _FULL_BY_RUST)


def sync(path: Path) -> None:
    """Until the file (or the names in the folder) would outlive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_leftovers(path: Path) -> None:
    """Of writers that were killed; one that still runs keeps its file."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        if _is_left_by_the_dead(leftover.name.removesuffix(".tmp").rpartition(".")[2]):
            leftover.unlink(missing_ok=True)


def _is_left_by_the_dead(pid: str) -> bool:
    """Whether a name bears the number of a process that no longer runs."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except (PermissionError, ValueError):
        pass
    return False
