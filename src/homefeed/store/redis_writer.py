"""Writes a release beside the live one and swaps the two databases: no reader ever meets half an export.

``stage`` fills a spare database, ``publish`` swaps it with the target (``SWAPDB``, in one MULTI with marks, record and lock), and the release before stays in
the spare, where ``rollback`` finds it. Every write is one MULTI that is carried out only while the writer still owns what it writes to. Needs a server with
several databases that allows SWAPDB: not a cluster. Keys that we did not write are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from itertools import islice

from homefeed.core.errors import StoreError
from homefeed.core.progress import Advance
from homefeed.core.release import Release
from homefeed.store import keys
from homefeed.store.address import Address
from homefeed.store.base import UserList
from homefeed.store.hold import TTL_MS, Hold, hold
from homefeed.store.marks import Mark, guarded, read_mark
from homefeed.store.ownership import check_owner, check_swap, check_target
from homefeed.store.packing import ListPacker, command, pack_hot
from homefeed.store.spares import claim_spare, clear_older, find_previous, give_back
from homefeed.store.swap import AGAIN, Aside, swap_in
from homefeed.store.wire import Wire

_BATCH = 50
"""Lists in one MULTI, during which the server answers nobody else: two or three milliseconds. Larger ones are no faster."""


class RedisWriter:
    """``ReleaseWriter`` over one Redis or Valkey.

    ``adopt``: take the target over although its lists carry no mark, or another lineage's.
    ``keep``: called after each swap, where the server does not save by itself.
    """

    def __init__(
        self, address: Address, lineage: str, clock: Callable[[], datetime], *, adopt: bool = False, keep: Callable[[Wire], None] | None = None
    ) -> None:
        self._address = address
        self._target = address.db
        self._lineage = lineage
        self._clock = clock
        self._adopt = adopt
        self._spares_of = None if adopt else lineage
        self._keep = keep
        self._hold: Hold | None = None
        self._staging: Aside | None = None

    def begin(self) -> None:
        """Take the target's lock until ``close``, so that nobody computes a release that cannot be published."""
        self._held()

    def stage(self, release: Release, lists: Iterable[UserList], hot: Iterable[tuple[str, float]], advance: Advance | None = None) -> None:
        """Write everything of ``release`` into a spare database; ``advance`` hears of every batch of users."""
        held = self._held()
        mark = Mark(self._lineage, self._target, "staging", release.id, held.token)
        self._discard()
        with Wire(self._address) as wire:
            spare = claim_spare(wire, mark, self._spares_of, TTL_MS)
            self._staging = Aside(spare, mark, release)
            held.beat_in(spare)
            wire.select(spare)
            written = 1 + self._write_lists(wire, mark, lists, advance) + self._write_rest(wire, mark, release, hot)
        self._staging = Aside(spare, mark, release, written)

    def publish(self) -> None:
        """Swap the staged release in, and empty what older ones left. Refuses when the spare no longer holds exactly what was staged."""
        staged = self._staging
        if staged is None or staged.keys is None:
            raise StoreError("No release is staged")
        with Wire(self._address) as wire:
            check_target(wire, self._target, self._lineage, self._adopt)
            swap_in(wire, self._held(), self._target, staged)
            self._staging = None
            if self._keep:
                self._keep(wire)
            with suppress(StoreError):  # what is left over is left to the next export
                clear_older(wire, self._target, self._spares_of, keep=staged.db)

    def rollback(self) -> Release:
        """Swap the release before back in; the one that was live takes its place. Raises ``StoreError`` when there is none."""
        held = self._held()
        with Wire(self._address) as wire:
            previous = find_previous(wire, self._target, self._lineage)
            mark = read_mark(wire, previous.db) if previous else None
            if previous is None or mark is None:
                raise StoreError(f"{wire.name} holds no earlier release of database {self._target} to go back to")
            release = swap_in(wire, held, self._target, Aside(previous.db, mark, previous.release))
            if self._keep:
                self._keep(wire)
        return release

    def close(self) -> None:
        """Let go of the target. What was staged and not published gives its room back; where the server is gone, the next export clears it."""
        with suppress(StoreError):
            self._discard()
        if self._hold:
            self._hold.release()
            self._hold = None

    def _held(self) -> Hold:
        if self._hold is None:
            with Wire(self._address) as wire:
                check_swap(wire, self._target)
                check_target(wire, self._target, self._lineage, self._adopt)
                self._hold = hold(self._address, self._clock())
                check_owner(wire, self._target, self._lineage, self._adopt)  # another shop may have begun to fill it before the lock was there
        self._hold.check()
        return self._hold

    def _write_lists(self, wire: Wire, mark: Mark, lists: Iterable[UserList], advance: Advance | None) -> int:
        packer, rest, written = ListPacker(), iter(lists), 0
        while batch := list(islice(rest, _BATCH)):
            packed, commands = packer.pack(batch)
            self._write(wire, mark, packed, commands)
            written += commands
            if advance:
                advance(len(batch))
        return written

    def _write_rest(self, wire: Wire, mark: Mark, release: Release, hot: Iterable[tuple[str, float]]) -> int:
        packed, commands = pack_hot(hot)
        record = command(b"SET", keys.RELEASE, release.to_json()) + command(b"SET", keys.RELEASE_ID, release.id)
        self._write(wire, mark, packed + record, commands + 2)
        return commands + 2

    def _write(self, wire: Wire, mark: Mark, packed: bytes, commands: int) -> None:
        self._held()
        if not guarded(wire, mark, packed, commands):
            raise StoreError(f"Another export has taken over the database of {wire.name} that this one filled", next_step=AGAIN)

    def _discard(self) -> None:
        if self._staging:
            staging, self._staging = self._staging, None
            with Wire(self._address) as wire:
                give_back(wire, staging.db, staging.mark)
