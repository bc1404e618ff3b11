"""What a leak check says: what it looked at, and each leak with where it is, how many, an example and the next step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Leak:
    """``count`` rows (or items, slots, columns, as ``what`` says) are concerned; ``example`` is one of them."""

    what: str
    where: str
    count: int
    example: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Look:
    """One check. ``at``: what was compared with what; ``left_out``: why it could not be looked at, empty where it was."""

    name: str
    at: str
    leaks: tuple[Leak, ...] = ()
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class LeakReport:
    looks: tuple[Look, ...]

    @property
    def leaks(self) -> tuple[Leak, ...]:
        return tuple(leak for look in self.looks for leak in look.leaks)

    def to_json(self) -> str:
        return json.dumps({"passed": not self.leaks, "looks": [asdict(look) for look in self.looks]}, indent=1)

    def lines(self) -> Iterator[str]:
        """For people: every check, then each leak in full."""
        yield "Looked at:"
        for look in self.looks:
            yield f"  {_state(look)}  {look.name}: {look.left_out or look.at}"
        for look in self.looks:
            for leak in look.leaks:
                yield ""
                yield f"LEAK ({look.name}): {leak.what}"
                yield f"  where: {leak.where}"
                yield f"  how many: {leak.count:,}"
                yield f"  example: {leak.example}"
                yield f"  next step: {leak.next_step}"
        yield ""
        yield f"{len(self.leaks)} leak{'s' * (len(self.leaks) != 1)} found: figures of this data flatter." if self.leaks else "No leak found."


def _state(look: Look) -> str:
    if look.leaks:
        return "LEAK"
    return "not " if look.left_out else "ok  "
