"""What a store can do. One Protocol for writing a release, one for reading it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from homefeed.core.progress import Advance
from homefeed.core.release import Release


@dataclass(frozen=True, slots=True)
class UserList:
    """One user's merged recall list, best first. ``sources`` holds one byte an item: ``ord('0') + code`` of ``core.candidates.SOURCES``."""

    user_slot: int
    item_ids: list[str]
    sources: bytes


@dataclass(frozen=True, slots=True)
class ListRead:
    """What one MULTI answered: which release is live and this user's list in it (empty: the user has none)."""

    release_id: str | None
    item_ids: list[bytes]
    sources: bytes


class ReleaseReader(Protocol):
    """The request path. Raises ``StoreUnavailableError`` when the store does not answer within its deadline."""

    def read_list(self, user_slot: int, size: int, db: int | None = None) -> ListRead:
        """A user's list in the live release; with ``db`` in that other database of the server, where a ``Previous`` says its release lies.

        The answer says which release is there now.
        """
        ...

    def read_release(self) -> Release | None: ...


class ReleaseWriter(Protocol):
    """The nightly path. A reader never sees half a release: ``stage`` writes aside, ``publish`` flips."""

    def begin(self) -> None:
        """Refuse at once what must be refused, and keep other writers out until the end."""
        ...

    def stage(self, release: Release, lists: Iterable[UserList], hot: Iterable[tuple[str, float]], advance: Advance | None = None) -> None:
        """Write everything of ``release`` where no reader looks. ``lists`` is consumed once; ``hot`` is (item id, global_score); ``advance`` counts users."""
        ...

    def publish(self) -> None:
        """Make the staged release the live one, at once, and keep the one before for ``rollback``."""
        ...

    def rollback(self) -> Release:
        """Bring the release before back and return it. Raises ``StoreError`` when there is none."""
        ...
