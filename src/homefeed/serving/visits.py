"""Who comes, and which release answers: everything about a request that has to be asked, asked once."""

from __future__ import annotations

from dataclasses import dataclass

from homefeed.core.errors import HomefeedError, StoreUnavailableError
from homefeed.core.slate import Request
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import Releases
from homefeed.serving.stages import Visit
from homefeed.store.base import ListRead, ReleaseReader

REDIS, RELEASE, RANK_SERVICE = "redis", "release", "rank_service"
"""Names of parts in ``degraded`` and in /health."""

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
        release = self._current()
        for _ in range(_TURNS):
            user_row = release.ranker.user_row(request.uid)
            if not user_row:
                return self._stranger(request, release)
            try:
                listed = self.reader.read_list(int(release.bundle.users.slots[user_row, 0]), list_size)
            except StoreUnavailableError:
                return Visit(request, release, user_row, degraded=(REDIS,))
            if listed.release_id == release.id:
                return _known(request, release, user_row, listed)
            live = self.releases.named(listed.release_id)
            if live is None:
                break
            release = live
        return Visit(request, release, release.ranker.user_row(request.uid), degraded=(RELEASE,))

    def _current(self) -> ReleaseInMemory:
        release = self.releases.current()
        if release is None:
            raise NoReleaseError("There is no release to serve", next_step="Publish one: homefeed export")
        return release

    def _stranger(self, request: Request, release: ReleaseInMemory) -> Visit:
        tags = release.guests.read(request.tags) if request.tags else None
        return Visit(request, release, tags=tags, degraded=(RELEASE,) if self.releases.behind() else ())


def _known(request: Request, release: ReleaseInMemory, user_row: int, listed: ListRead) -> Visit:
    tags = None if listed.item_ids else release.guests.of_user(user_row)
    return Visit(request, release, user_row, tags, listed)
