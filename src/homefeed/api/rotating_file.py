"""A file that several processes append lines to, turned over by size."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from itertools import pairwise
from pathlib import Path

from homefeed.core.errors import HomefeedError


class LogFileError(HomefeedError):
    """A log cannot be written where it should be."""


class RotatingFile:
    """``path``, then ``path.1`` (the one before) up to ``path.<kept - 1>``. Each append holds the file's lock, so that lines of several processes never mix
    and only one of them turns the file over; the others see that the name leads elsewhere and follow.
    """

    def __init__(self, path: Path, max_bytes: int, kept: int) -> None:
        """Raises ``LogFileError`` where the file cannot be opened for appending."""
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        try:
            os.close(_open(path))
        except OSError as error:
            reason = "it is no regular file" if error.errno == errno.ENXIO else error.strerror
            raise LogFileError(f"{path} cannot be written: {reason}", expected="a file in a folder that is there and may be written to") from None

    def append(self, lines: bytes) -> None:
        """All of ``lines`` or, where the disk does not take them, nothing. Raises ``OSError``."""
        descriptor = self._locked()
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(lines) > self._max_bytes:
                self._turn_over()
                os.close(descriptor)
                descriptor, size = self._locked(), 0
            _write(descriptor, lines, size)
        finally:
            os.close(descriptor)

    def _locked(self) -> int:
        """The file that ``path`` leads to now, locked."""
        while True:
            descriptor = _open(self._path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, self._path):
                return descriptor
            os.close(descriptor)  # another process turned it over while this one waited

    def _turn_over(self) -> None:
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._kept))]
        for newer, older in reversed(list(pairwise(names))):
            if newer.exists():
                newer.replace(older)


def _open(path: Path) -> int:
    """Readable by its owner alone: it holds what people were shown. Raises ``OSError``."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _write(descriptor: int, data: bytes, size: int) -> None:
    """A disk that fills up leaves no half line behind."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise
