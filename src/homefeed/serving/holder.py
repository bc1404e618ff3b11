"""Releases in memory: the live one and the one before, loaded once each from their bundles on disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from homefeed.core.errors import ArtifactError, StoreError, StoreUnavailableError
from homefeed.core.release import Previous, Release
from homefeed.serving.degraded import RELEASE
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.shelf import Shelf
from homefeed.store.base import ReleaseReader

logger = logging.getLogger(__name__)

_KEPT = 2


class ReleaseHolder:
    """Follows the store's live release. A request never waits for a release that is in memory; the first that needs an unseen one loads it.

    Whatever happens, the last release that could be loaded stays: there is something to answer with. ``wait_seconds``: how long other requests wait for
    a release that is being loaded, before the release before answers them.
    """

    def __init__(self, folder: Path, reader: ReleaseReader, wait_seconds: float = 1.0) -> None:
        self._shelf = Shelf(folder)
        self._wait_seconds = wait_seconds
        self._reader = reader
        self._lock = Lock()
        self._kept: tuple[ReleaseInMemory, ...] = ()
        self._refused: dict[str, str] = {}
        self._record: Release | None = None
        self._live_id: str | None = None
        self._store_has_answered = False

    def start(self) -> StoreUnavailableError | None:
        """Load the live release; where the store is out or its release is not here, what was last made live here, else the newest whole bundle.

        Returns why the store is out, None where it answers.
        """
        out: StoreUnavailableError | None = None
        try:
            self.refresh()
        except StoreError as error:
            logger.warning("%s Serving the last live release on disk until then.", error)
            out = error if isinstance(error, StoreUnavailableError) else None
        with self._lock:
            if not self._kept:
                any(self._follow(release_id, None) for release_id in self._shelf.ids())
        return out

    def refresh(self) -> None:
        """Ask the store which release is live and switch to it. Raises ``StoreError`` when there is no legible answer."""
        record = self._reader.read_release()
        with self._lock:
            self._record = record
            if record:
                self._follow_or_the_one_before(record.id, record)
            self._note_live(record.id if record else None)

    def _note_live(self, release_id: str | None) -> None:
        if self._store_has_answered and release_id is None and self._live_id is not None:
            logger.error("The store holds no release any more: somebody has emptied it. The hot list answers until there is one again: homefeed export")
        self._live_id, self._store_has_answered = release_id, True

    def current(self) -> ReleaseInMemory | None:
        return self._kept[0] if self._kept else None

    def named(self, release_id: str | None) -> ReleaseInMemory | None:
        if release_id is None or release_id in self._refused:
            return None
        return self._find(release_id) or self._load_for_a_request(release_id)

    def before(self, release_id: str | None) -> Previous | None:
        record = self._record
        return record.previous if record and record.id == release_id else None

    def behind(self) -> bool:
        live_id = self._live_id
        return self._store_has_answered and bool(self._kept) and (self._kept[0].id != live_id or live_id in self._refused)

    def reasons(self) -> Mapping[str, str]:
        current, live_id = self.current(), self._live_id
        reasons = dict(current.reasons()) if current else {}
        if live_id in self._refused:
            reasons[RELEASE] = self._refused[live_id]
        elif live_id is None:
            reasons[RELEASE] = "The store holds no release." if self._store_has_answered else "The store has never answered."
        return reasons

    def _find(self, release_id: str) -> ReleaseInMemory | None:
        return next((release for release in self._kept if release.id == release_id), None)

    def _load_for_a_request(self, release_id: str) -> ReleaseInMemory | None:
        """The first to read the id of an unseen release loads it; others wait for that, if not for ever."""
        if not self._lock.acquire(timeout=self._wait_seconds):
            return None
        try:
            if release_id in self._refused or (found := self._find(release_id)):
                return None if release_id in self._refused else found
            release = self._follow_or_the_one_before(release_id, self._record_of(release_id))
            self._note_live(release_id)
            return release
        finally:
            self._lock.release()

    def _record_of(self, release_id: str) -> Release | None:
        try:
            record = self._reader.read_release()
        except StoreError:
            return None  # the bundle is then believed without it until the next refresh
        if record is None or record.id != release_id:
            return None
        self._record = record
        return record

    def _follow_or_the_one_before(self, release_id: str, record: Release | None) -> ReleaseInMemory | None:
        release = self._follow(release_id, record)
        if release is None and record and record.previous:
            self._follow(record.previous.id, None)
        return release

    def _follow(self, release_id: str, record: Release | None) -> ReleaseInMemory | None:
        """Make this release the first; None where its bundle is not whole, or not the one that the store's record speaks of."""
        try:
            release = self._held_or_taken(release_id)
            if record:
                _check_same(release, record)
        except ArtifactError as error:
            if self._refused.get(release_id) != str(error):
                logger.error("Release %s cannot be served: %s", release_id, error)
            self._refused[release_id] = str(error)
            return None
        if self._kept and self._kept[0].id != release_id:
            logger.info("Release %s answers from now on", release_id)
        self._kept = (release, *(kept for kept in self._kept if kept.id != release_id))[:_KEPT]
        self._refused.pop(release_id, None)
        return release

    def _held_or_taken(self, release_id: str) -> ReleaseInMemory:
        """Never a third one in memory, not even while it loads."""
        found = self._find(release_id)
        if found is None:
            self._kept = self._kept[: _KEPT - 1]
            return self._shelf.take(release_id)
        return self._with_its_models(found) if self._shelf.has_mended(found) else found

    def _with_its_models(self, held: ReleaseInMemory) -> ReleaseInMemory:
        self._kept = (held,)
        try:
            return self._shelf.take(held.id)
        except ArtifactError:
            return held


def _check_same(release: ReleaseInMemory, record: Release) -> None:
    """Raises ``ArtifactError`` unless the bundle is that of the store's lists: of one map, so that a slot means the same user in both."""
    own = release.bundle.release
    for what, ours, theirs in (("lineage", own.lineage, record.lineage), ("fingerprint", own.fingerprint, record.fingerprint)):
        if ours != theirs:
            raise ArtifactError(f"The bundle of release {own.id} is of {what} {ours}, its lists are of {theirs}", next_step="Export again: homefeed export")
