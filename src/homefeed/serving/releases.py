"""What a request may ask about releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from homefeed.core.release import Previous
from homefeed.serving.release_in_memory import ReleaseInMemory


class Releases(Protocol):
    """The live one and the one before."""

    def current(self) -> ReleaseInMemory | None:
        """The release to answer with; None when there has never been one."""
        ...

    def named(self, release_id: str | None) -> ReleaseInMemory | None:
        """The release of this id; None when it is not in reach."""
        ...

    def before(self, release_id: str | None) -> Previous | None:
        """The release before that one, as the store's record says; None where no such record is known."""
        ...

    def behind(self) -> bool:
        """Whether the store's live release is another one than ``current``."""
        ...

    def reasons(self) -> Mapping[str, str]:
        """Why parts are out, by their names in ``degraded``."""
        ...


class OneRelease:
    """A release that never changes, for offline use of the pipeline."""

    def __init__(self, release: ReleaseInMemory) -> None:
        self._release = release

    def current(self) -> ReleaseInMemory:
        return self._release

    def named(self, release_id: str | None) -> ReleaseInMemory | None:
        return self._release if release_id == self._release.id else None

    def before(self, release_id: str | None) -> Previous | None:
        return None

    def behind(self) -> bool:
        return False

    def reasons(self) -> Mapping[str, str]:
        return self._release.reasons()
