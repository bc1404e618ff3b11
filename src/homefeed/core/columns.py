"""Column names, spelled once, and the schema: which columns a shop's three files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

TS, UID, IID, LABEL = "ts", "uid", "iid", "label"
LOG_COLUMNS = (TS, UID, IID, LABEL)
POSITION, PROPENSITY, EVENT, SURFACE = "position", "propensity", "event", "surface"
OPTIONAL_LOG_COLUMNS = (POSITION, PROPENSITY, EVENT, SURFACE)
ORDERED, VALUE = "ordered", "value"
"""Of a row that led to an order, and what the order was worth."""
AVAILABLE = "available"
"""Optional column of the item file: 0 takes the item off every path."""

Kind = Literal["category", "multi", "number", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """A tag of a user or an item. ``multi`` holds several values joined by ``separator``; ``flag`` is the item column ``available``."""

    name: str
    kind: Kind = "category"
    separator: str = "|"

    @property
    def element_field(self) -> str:
        """Name under which the single values of a ``multi`` column stand in the feature map."""
        return f"{self.name}[]"


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of the three raw files; the default is the contract's.

    ``events`` maps a kind of event to its weight (0: label 0; above 0: label 1 with that weight).
    """

    user: tuple[Column, ...] = (Column("utag1"), Column("utag2"))
    item: tuple[Column, ...] = (Column("itag1"), Column("itag2"), Column("itag3"))
    log_extra: tuple[str, ...] = ()
    events: Mapping[str, float] = field(default_factory=dict)

    def map_fields(self) -> tuple[str, ...]:
        """Fields of the feature map in the order in which new slots are numbered."""
        return (UID, *_fields(self.user), IID, *_fields(self.item))

    def model_inputs(self) -> str:
        """What models read of users and items, in order; a model that was fitted on something else cannot be used."""
        sides = (", ".join(f"{c.name} {c.kind}" for c in columns if c.kind != "flag") or "nothing" for columns in (self.user, self.item))
        return "of users {}; of items {}".format(*sides)

    def csv_columns(self) -> tuple[str, ...]:
        """Columns of ``train.csv`` and ``test.csv``."""
        return (TS, UID, *(c.name for c in self.user if c.kind != "flag"), IID, *(c.name for c in self.item if c.kind != "flag"), LABEL)


def categories(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(c for c in columns if c.kind == "category")


def multis(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(c for c in columns if c.kind == "multi")


def numbers(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(c for c in columns if c.kind == "number")


def _fields(columns: tuple[Column, ...]) -> tuple[str, ...]:
    names: list[str] = []
    for column in columns:
        if column.kind in ("category", "multi"):
            names.append(column.name)
        if column.kind == "multi":
            names.append(column.element_field)
    return tuple(names)
