"""Who comes, and which release answers: everything about a request that has to be asked, asked once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from homefeed.core.errors import HomefeedError, StoreError
from homefeed.core.slate import Request
from homefeed.serving.degraded import LIST, REDIS, RELEASE, TAGS
from homefeed.serving.recent import recent_rows
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import Releases
from homefeed.serving.stages import Visit
from homefeed.store.base import ListRead, ReleaseReader

_TURNS = 3
"""How often a list may turn out to be of yet another release before the request goes on without it."""


class NoReleaseError(HomefeedError):
    """There is nothing to answer with yet."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Finds the release, the user and the user's list. A list is only ever read beside the release it belongs to."""

    reader: ReleaseReader
    releases: Releases

    def receive(self, request: Request, list_size: int) -> Visit:
        """Raises ``NoReleaseError`` when no release has ever been in reach."""
        visit = self._received(request, list_size)
        if request.recent:
            visit = replace(visit, recent=recent_rows(visit.release.ranker, request.recent))
        return _without_the_model(visit) if visit.asks_the_model and visit.release.towers.failure else visit

    def _received(self, request: Request, list_size: int) -> Visit:
        release = self.current()
        live_id: str | None = None
        for _ in range(_TURNS):
            user_row = release.ranker.user_row(request.uid)
            if not user_row:
                return self._stranger(request, release)
            try:
                listed = self.reader.read_list(_slot(release, user_row), list_size)
            except StoreError:
                return Visit(request, release, user_row, degraded=(REDIS,))
            live_id = listed.release_id
            live = self.releases.named(live_id)
            if live is release:
                return _known(request, release, user_row, listed)
            if live is None:
                break
            release = live
        return self._without_the_live_one(request, list_size, live_id)

    def current(self) -> ReleaseInMemory:
        """Raises ``NoReleaseError``."""
        release = self.releases.current()
        if release is None:
            raise NoReleaseError("There is no release to serve", next_step="Publish one: homefeed export")
        return release

    def _stranger(self, request: Request, release: ReleaseInMemory) -> Visit:
        tags = release.guests.read(request.tags) if request.tags else None
        behind = (RELEASE,) if self.releases.behind() else ()
        by_tags = (TAGS,) if tags is not None and release.towers.failure else ()
        return Visit(request, release, tags=tags, degraded=(*behind, *by_tags))

    def _without_the_live_one(self, request: Request, list_size: int, live_id: str | None) -> Visit:
        """The release before answers, with its own lists where the live one's record says they lie."""
        release, previous = self.current(), self.releases.before(live_id)
        user_row = release.ranker.user_row(request.uid)
        if not user_row or previous is None or previous.id != release.id:
            return Visit(request, release, user_row, degraded=(RELEASE,))
        try:
            listed = self.reader.read_list(_slot(release, user_row), list_size, db=previous.db)
        except StoreError:
            return Visit(request, release, user_row, degraded=(RELEASE, REDIS))
        if listed.release_id != release.id:
            return Visit(request, release, user_row, degraded=(RELEASE,))
        return _known(request, release, user_row, listed, (RELEASE,))


def _without_the_model(visit: Visit) -> Visit:
    return visit if TAGS in visit.degraded else replace(visit, degraded=(*visit.degraded, TAGS))


def _slot(release: ReleaseInMemory, user_row: int) -> int:
    return int(release.bundle.users.slots[user_row, 0])


def _known(request: Request, release: ReleaseInMemory, user_row: int, listed: ListRead, degraded: tuple[str, ...] = ()) -> Visit:
    """An export of lists leaves nobody without one whom the release knows: one that is not there has been evicted or deleted."""
    gone = () if listed.item_ids or release.finds_candidates else (LIST,)
    return Visit(request, release, user_row, None, listed, (*degraded, *gone))
