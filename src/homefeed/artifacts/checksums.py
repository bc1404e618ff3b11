"""SHA-256 of files that are read again: finds what was cut, changed or mixed since they were written. Against accidents, not against attackers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from homefeed.core.errors import ArtifactError


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: checksum(folder / name) for name in names}


def refuse_other_files(folder: Path, expected: Mapping[str, str], names: Iterable[str], next_step: str) -> None:
    """Raises ``ArtifactError`` naming the first of ``names`` that is missing or not the one that was written. A name without a checksum is not asked for."""
    for name in names:
        path = folder / name
        if name not in expected:
            continue
        try:
            found = checksum(path)
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror})", next_step=next_step) from error
        if found != expected[name]:
            raise ArtifactError(f"{path} is not the file that was written with the others beside it (checksum differs)", next_step=next_step)


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
