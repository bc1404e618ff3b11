"""Writes a release beside the live one and swaps the two databases: no reader ever meets half an export.

``stage`` fills a spare database, ``publish`` swaps it with the target (``SWAPDB``, in one MULTI with both marks), and the release before stays in the
spare, where ``rollback`` finds it. Needs a server with several databases that allows SWAPDB: not a cluster. Keys that we did not write are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice

from homefeed.core.errors import StoreError
from homefeed.core.progress import Advance
from homefeed.core.release import Previous, Release
from homefeed.store import databases, keys
from homefeed.store.address import Address
from homefeed.store.base import UserList
from homefeed.store.databases import Mark
from homefeed.store.ownership import check_swap, check_target
from homefeed.store.packing import ListPacker, Word, pack_hot
from homefeed.store.wire import Wire

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Staged:
    """A whole release that nobody reads yet. ``keys``: how many its database holds."""

    db: int
    release: Release
    mark: Mark
    keys: int


class RedisWriter:
    """``ReleaseWriter`` over one Redis or Valkey.

    ``adopt``: take the target over although its lists carry no mark, or another lineage's.
    ``keep``: called after each swap, where the server does not save by itself.
    """

    def __init__(self, address: Address, lineage: str, *, adopt: bool = False, keep: Callable[[Wire], None] | None = None) -> None:
        self._wire = Wire(address)
        self._target = address.db
        self._lineage = lineage
        self._adopt = adopt
        self._keep = keep
        self._staged: Staged | None = None

    def stage(self, release: Release, lists: Iterable[UserList], hot: Iterable[tuple[str, float]], advance: Advance | None = None) -> None:
        """Write everything of ``release`` into a spare database; ``advance`` hears of every batch of users."""
        self._staged = None
        check_swap(self._wire, self._target)
        check_target(self._wire, self._target, self._lineage, self._adopt)
        spare = databases.find_spare(self._wire, self._target, None if self._adopt else self._lineage)
        mark = Mark(self._lineage, self._target, "staging", release.id)
        self._wire.select(spare)
        self._wire.ask("SET", keys.MARK, mark.to_json())
        databases.clear(self._wire, spare)
        written = 1 + self._write_lists(spare, mark, lists, advance) + self._write_rest(release, hot)
        self._staged = Staged(spare, release, mark, written)

    def publish(self) -> None:
        """Swap the staged release in. Refuses, and changes nothing, when the spare no longer holds exactly what was staged."""
        if self._staged is None:
            raise StoreError("No release is staged")
        staged, self._staged = self._staged, None
        check_target(self._wire, self._target, self._lineage, self._adopt)
        self._check_ours(staged.db, staged.mark)
        if (found := databases.size(self._wire, staged.db)) != staged.keys:
            raise StoreError(
                f"Database {staged.db} of {self._wire.name} holds {found} keys where {staged.keys} were written",
                next_step="Nothing was changed. See whether the server is short of memory, or others write there",
            )
        self._swap_in(staged.db, staged.release)

    def rollback(self) -> Release:
        """Swap the release before back in; the one that was live takes its place. Raises ``StoreError`` when there is none."""
        check_swap(self._wire, self._target)
        check_target(self._wire, self._target, self._lineage, self._adopt)
        previous = databases.find_previous(self._wire, self._target, self._lineage)
        if previous is None:
            raise StoreError(f"{self._wire.name} holds no earlier release of database {self._target} to go back to")
        return self._swap_in(previous.db, previous.release)

    def close(self) -> None:
        self._wire.close()

    def _write_lists(self, spare: int, mark: Mark, lists: Iterable[UserList], advance: Advance | None) -> int:
        packer, rest, written = ListPacker(), iter(lists), 0
        while batch := list(islice(rest, _BATCH)):
            packed, commands = packer.pack(batch)
            self._check_ours(spare, mark)
            self._wire.send(packed, commands)
            written += commands
            if advance:
                advance(len(batch))
        return written

    def _write_rest(self, release: Release, hot: Iterable[tuple[str, float]]) -> int:
        packed, commands = pack_hot(hot)
        self._wire.send(packed, commands)
        self._wire.ask("SET", keys.RELEASE, release.to_json())
        self._wire.ask("SET", keys.RELEASE_ID, release.id)
        return commands + 2

    def _check_ours(self, spare: int, mark: Mark) -> None:
        if databases.read_mark(self._wire, spare) != mark:
            raise StoreError(f"Another export has taken over database {spare} of {self._wire.name}", next_step="What is served is as it was; export again")

    def _swap_in(self, spare: int, release: Release) -> Release:
        """``release``, which lies in ``spare``, as it is from now on: its record says what was live before, and that this now lies in ``spare``."""
        aside, live = Mark(self._lineage, self._target, "spare"), Mark(self._lineage, self._target, "live")
        before = databases.read_release_id(self._wire, self._target)
        release = replace(release, previous=Previous(before, spare) if before else None)
        commands: list[tuple[Word, ...]] = []
        if databases.size(self._wire, self._target):
            commands += [("SELECT", self._target), ("SET", keys.MARK, aside.to_json())]
        commands += [("SELECT", spare), ("SET", keys.MARK, live.to_json()), ("SET", keys.RELEASE, release.to_json()), ("SWAPDB", self._target, spare)]
        self._wire.transaction(*commands)
        if self._keep:
            self._keep(self._wire)
        return release
