"""What can be wrong with a row of a raw file, and in which words the user is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from homefeed.core.ids import MAX_ID_BYTES, decode_id
from homefeed.etl.dialect import Dialect
from homefeed.etl.shown import shown

FAULT = "fault"


class Fault(IntEnum):
    """Codes of the column ``fault`` that a reader adds to its clean table."""

    NONE = 0
    WIDTH = 1
    TS = 2
    FUTURE = 3
    ID = 4
    LABEL = 5
    FLAG = 6
    VALUE = 7


@dataclass(frozen=True, slots=True)
class Judge:
    """Says what is wrong with a row. ``ids``: the id columns. ``words``: of the other faults, the column and what is wrong with it."""

    dialect: Dialect
    ids: tuple[str, ...]
    words: Mapping[Fault, tuple[str, str]]

    def verdict(self, fields: list[str], fault: Fault) -> tuple[str, str]:
        """The reason and the offending text, shortened. ``fault``: the first one that the reader saw, in the order of the codes."""
        if len(fields) != self.dialect.width:
            text = self.dialect.separator.join(fields)
            return f"{len(fields)} column{'s' * (len(fields) != 1)} instead of {self.dialect.width}", shown(text)
        if not any(field.strip() for field in fields):
            return "nothing in any column", ""
        values = dict(zip(self.dialect.columns, fields, strict=True))
        if fault in (Fault.TS, Fault.FUTURE):
            return self._words(fault, values)
        for name in self.ids:
            problem = id_problem(values[name])
            if problem:
                return f"{name} {problem}", shown(values[name])
        return self._words(fault, values)

    def _words(self, fault: Fault, values: Mapping[str, str]) -> tuple[str, str]:
        column, reason = self.words[fault]
        return reason, shown(values[column])


def id_problem(text: str) -> str:
    """What is wrong with an id, in words without a number so that rows can be counted by them; empty when nothing is."""
    raw = text.encode("utf-8", "surrogatepass")
    try:
        decode_id(raw)
    except ValueError:
        if not raw:
            return "is empty"
        return f"is longer than {MAX_ID_BYTES} bytes" if len(raw) > MAX_ID_BYTES else "holds control characters"
    return ""
