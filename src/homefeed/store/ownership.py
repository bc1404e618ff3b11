"""What may be done to a target database: every reason to refuse, before anything is written."""

from __future__ import annotations

from homefeed.core.errors import StoreError
from homefeed.store import databases
from homefeed.store.complaints import RefusedError
from homefeed.store.marks import read_mark
from homefeed.store.wire import Wire


def check_target(wire: Wire, target: int, lineage: str | None, adopt: bool) -> None:
    """Raises ``StoreError`` unless swapping ``target`` moves nothing but the lists of this ``lineage`` (None: any), or those that ``adopt`` takes over."""
    where = f"Database {target} of {wire.name}"
    if target >= (count := databases.count(wire)):
        raise StoreError(f"{wire.name} has no database {target}", expected=f"0 to {count - 1}", next_step="Name one: --db")
    if foreign := databases.foreign_keys(wire, target):
        raise StoreError(f"{where} holds keys that are not ours ({', '.join(foreign)}); publishing would move them", next_step="Name another database: --db")
    check_owner(wire, target, lineage, adopt)


def check_owner(wire: Wire, target: int, lineage: str | None, adopt: bool) -> None:
    """The part that takes a moment: whose lists lie in ``target``. Raises ``StoreError``."""
    where, mark = f"Database {target} of {wire.name}", read_mark(wire, target)
    if mark is None and not adopt and databases.size(wire, target):
        raise StoreError(
            f"{where} holds only lists without our mark (recall:*, global_hot): those of the scripts that homefeed replaces, or of another shop",
            next_step="Take them over: --adopt, or name another: --db",
        )
    if mark and mark.role != "live":
        raise StoreError(f"{where} is where the releases of database {mark.target} are prepared and kept", next_step="Name another database: --db")
    if mark and lineage not in (None, mark.lineage) and not adopt:
        raise StoreError(
            f"{where} serves another shop, of lineage {mark.lineage}; this shop's is {lineage}",
            next_step="Name another database: --db, or let this shop take its place: --adopt",
        )


def check_swap(wire: Wire, target: int) -> None:
    """Raises ``StoreError`` where the server does not swap databases; swapping one with itself is a trial without effect."""
    try:
        wire.ask("SWAPDB", target, target)
    except RefusedError as error:
        raise StoreError(
            f"{error.what}. A release is published by SWAPDB, which needs a Redis or Valkey that is no cluster and a user who may run it",
            next_step="Nothing was changed",
        ) from error
