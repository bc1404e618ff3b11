"""Releases in memory: the live one and the one before, loaded once each from their bundles on disk."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock
from typing import Protocol

from homefeed.artifacts.bundle import RECORD, read_bundle, read_live
from homefeed.core.errors import ArtifactError, StoreError
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.store.base import ReleaseReader

logger = logging.getLogger(__name__)

_KEPT = 2


class Releases(Protocol):
    """What a request may ask about releases."""

    def current(self) -> ReleaseInMemory | None:
        """The release to answer with; None when there has never been one."""
        ...

    def named(self, release_id: str | None) -> ReleaseInMemory | None:
        """The release of this id; None when it is not in reach."""
        ...

    def behind(self) -> bool:
        """Whether the store's live release is another one than ``current``."""
        ...


class ReleaseHolder:
    """Follows the store's live release. A request never waits for a release that is in memory; those that need an unseen one load it once."""

    def __init__(self, folder: Path, reader: ReleaseReader) -> None:
        self._folder = folder
        self._reader = reader
        self._lock = Lock()
        self._kept: tuple[ReleaseInMemory, ...] = ()
        self._unreadable: str | None = None
        self._live_id: str | None = None
        self._store_has_answered = False

    def start(self) -> None:
        """Load the live release; where the store is out or its release is not here, what was last made live here, else the newest whole bundle."""
        try:
            self.refresh()
        except StoreError as error:
            logger.warning("%s Serving the last live release on disk until then.", error)
        if not self._kept:
            any(self._load(release_id) for release_id in self._ids_on_disk())

    def refresh(self) -> None:
        """Ask the store which release is live and switch to it. Raises ``StoreError`` when there is no legible answer."""
        record = self._reader.read_release()
        self._live_id, self._store_has_answered = (record.id if record else None), True
        if record is None or (self._kept and self._kept[0].id == record.id):
            return
        release = self._find(record.id) or self._load(record.id)
        if release is not None:
            self._put_first(release)

    def current(self) -> ReleaseInMemory | None:
        return self._kept[0] if self._kept else None

    def named(self, release_id: str | None) -> ReleaseInMemory | None:
        if release_id is None:
            return None
        return self._find(release_id) or (None if release_id == self._unreadable else self._load(release_id))

    def behind(self) -> bool:
        return self._store_has_answered and bool(self._kept) and self._kept[0].id != self._live_id

    def _find(self, release_id: str) -> ReleaseInMemory | None:
        return next((release for release in self._kept if release.id == release_id), None)

    def _load(self, release_id: str) -> ReleaseInMemory | None:
        with self._lock:
            found = self._find(release_id)
            if found is not None:
                return found
            try:
                release = self._read(release_id)
            except ArtifactError as error:
                if self._unreadable != release_id:
                    logger.error("Release %s cannot be served: %s", release_id, error)
                self._unreadable = release_id
                return None
            self._live_id = release_id
            self._kept = (release, *self._kept)[:_KEPT]
        return release

    def _read(self, release_id: str) -> ReleaseInMemory:
        if Path(release_id).name != release_id or release_id.startswith("."):
            raise ArtifactError(f"{release_id!r} cannot be the name of a release's bundle")
        release = ReleaseInMemory.of(read_bundle(self._folder / release_id))
        if release.ranker.failure:
            logger.error("RankService degraded: %s", release.ranker.failure)
        else:
            logger.info("DeepFM model loaded (release %s: %d users, %d items)", release_id, len(release.bundle.users) - 1, len(release.bundle.items) - 1)
        return release

    def _put_first(self, release: ReleaseInMemory) -> None:
        with self._lock:
            self._kept = (release, *(kept for kept in self._kept if kept.id != release.id))[:_KEPT]

    def _ids_on_disk(self) -> list[str]:
        """The one that was last made live, then the others, newest first: those may be rolled back or never published."""
        live = read_live(self._folder)
        others = sorted((record.parent.name for record in self._folder.glob(f"[!.]*/{RECORD}")), reverse=True)
        return [live, *(release_id for release_id in others if release_id != live)] if live else others


class OneRelease:
    """A release that never changes, for offline use of the pipeline."""

    def __init__(self, release: ReleaseInMemory) -> None:
        self._release = release

    def current(self) -> ReleaseInMemory:
        return self._release

    def named(self, release_id: str | None) -> ReleaseInMemory | None:
        return self._release if release_id == self._release.id else None

    def behind(self) -> bool:
        return False
