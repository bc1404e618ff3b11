"""Bundles on disk, made ready to serve; a broken one is read again only when its files have changed."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from homefeed.artifacts.bundle_reader import read_bundle
from homefeed.artifacts.release_folder import ids_on_disk
from homefeed.core.errors import ArtifactError
from homefeed.serving.degraded import RANK_SERVICE
from homefeed.serving.release_in_memory import ReleaseInMemory

logger = logging.getLogger(__name__)

_NAME, _SHOWN = re.compile(r"\w[\w.-]{0,99}"), 100
"""What comes from the store or from ``LIVE`` is a folder's name, on one line, or nothing."""

Stamp = tuple[tuple[str, int, int, int], ...]
"""Name, size, time and inode of each file."""


class Shelf:
    """The folder of bundles. Not for use by several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._refused: dict[str, tuple[Stamp, str]] = {}
        self._taken: dict[str, Stamp] = {}

    def take(self, release_id: str) -> ReleaseInMemory:
        """Read a bundle. Raises ``ArtifactError`` where there is no whole one of this id, at once where that is known already."""
        if not _NAME.fullmatch(release_id):
            raise ArtifactError(f"{release_id[:_SHOWN]!r} cannot be the name of a release's bundle")
        stamp = self._stamp(release_id)
        refused = self._refused.get(release_id)
        if refused and refused[0] == stamp:
            raise ArtifactError(refused[1])
        try:
            release = ReleaseInMemory.of(read_bundle(self._folder / release_id))
        except ArtifactError as error:
            self._refused[release_id] = (stamp, str(error))
            raise
        self._refused.pop(release_id, None)
        self._taken[release_id] = stamp
        _tell(release)
        return release

    def has_mended(self, release: ReleaseInMemory) -> bool:
        """Whether the files of a release that serves without one of its models are other ones by now."""
        return bool(release.reasons()) and self._taken.get(release.id) != self._stamp(release.id)

    def ids(self) -> list[str]:
        """Releases with a bundle, the most likely to be live first."""
        return ids_on_disk(self._folder)

    def _stamp(self, release_id: str) -> Stamp:
        try:
            found = [(path.name, path.lstat()) for path in sorted((self._folder / release_id).iterdir())]
        except OSError:
            return ()
        return tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in found)


def _tell(release: ReleaseInMemory) -> None:
    for part, reason in release.reasons().items():
        logger.error("%s degraded: %s", "RankService" if part == RANK_SERVICE else "Search by tags", reason)
    if not release.ranker.failure:
        logger.info("DeepFM model loaded (release %s: %d users, %d items)", release.id, len(release.bundle.users) - 1, len(release.bundle.items) - 1)
