"""How a log writes its moments: seconds, milliseconds or microseconds since 1970, or ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Literal

SECOND_US, MILLISECOND_US, MICROSECOND_US = 1_000_000, 1_000, 1
UNIT_NAMES = {SECOND_US: "seconds", MILLISECOND_US: "milliseconds", MICROSECOND_US: "microseconds"}
UNIT_RANGES = {SECOND_US: (0, 10**11), MILLISECOND_US: (10**11, 10**14), MICROSECOND_US: (10**14, 10**17)}
"""Values of each unit, from 1970 (seconds) or 1973 (the others) to about the year 5000: their magnitude tells them apart."""

NUMBER = re.compile(r"\d{1,18}(\.\d*)?")
ISO_8601 = r"^\s*(\d{4}-\d{2}-\d{2})(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?\s*(?:Z|UTC|([+-])([01]\d|2[0-3]):?([0-5]\d)?)?)?\s*$"
"""Groups: date, hour, minute, second, fraction, sign, hours and minutes of the offset; without offset: UTC."""
EXPECTED = "seconds, milliseconds or microseconds since 1970, or ISO 8601 such as 2024-05-31T18:00:00Z"


@dataclass(frozen=True, slots=True)
class TimeForm:
    """``unit_us``: microseconds in one unit of the log's ``ts`` (a second for ISO 8601)."""

    kind: Literal["integer", "decimal", "iso"]
    unit_us: int

    @property
    def name(self) -> str:
        return "ISO 8601" if self.kind == "iso" else UNIT_NAMES[self.unit_us]


def detect_form(values: Sequence[str]) -> TimeForm | None:
    """The form that most of ``values`` have; None when no value can be read."""
    numbers = [value.strip() for value in values if NUMBER.fullmatch(value.strip())]
    moments = sum(readable(value) for value in values) - len(numbers)
    if not numbers and not moments:
        return None
    if moments > len(numbers):
        return TimeForm("iso", SECOND_US)
    unit_us = unit_of(median_low(float(number) for number in numbers))
    return TimeForm("decimal" if any("." in number for number in numbers) else "integer", unit_us)


def readable(value: str) -> bool:
    """Whether a value looks like a moment in any form."""
    return bool(NUMBER.fullmatch(value.strip()) or re.match(ISO_8601, value))


def unit_of(value: float) -> int:
    """Microseconds in the unit of a number of this magnitude."""
    return next((unit for unit, (low, high) in UNIT_RANGES.items() if low <= value < high), MICROSECOND_US)
