"""A column that holds moments (`last_sold`, `first_seen`): none may lie after the row that it is a feature of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.leaks.columns import EntityColumn, entity_columns, entity_rows
from homefeed.evaluation.leaks.findings import Leak, Look
from homefeed.evaluation.leaks.naming import moment, named_row

NAME = "moments in features"
UNITS_US = (1, 1_000, 1_000_000)
"""Microseconds, milliseconds, seconds since 1970."""
YEARS_US = 20 * 365 * 86_400_000_000
"""A number is taken for a moment where it lies so near to the log; 20 years of seconds are no prices, counts or ids of any other unit."""
SHARE, LEAST = 0.9, 10
"""A column holds moments where at least so many, and this share of its values, read as moments."""
BLUR_US = 3_600_000_000
"""Numbers are float32: seconds since 1970 are good to two minutes."""
ALLOWED = 0.001
"""Share of rows that may come before their item's launch: a few are shown by mistake or are tests."""
Moments = npt.NDArray[np.float64]


def look_at_moments(dataset: ProcessedDataset, slot_names: Sequence[str]) -> Look:
    rows = Interactions.concatenate([dataset.train.of_the_log(), dataset.test.of_the_log()])
    leaks, looked = [], []
    for column in entity_columns(dataset, slot_names):
        moments = moments_of(column, int(rows.ts_us.min()), int(rows.ts_us.max()))
        if moments is not None:
            looked.append(column.name)
            leaks += _later_than_their_row(dataset, rows, column, moments)
    return Look(NAME, f"columns that hold moments: {', '.join(looked) or 'none'}", tuple(leaks))


def moments_of(column: EntityColumn, first_us: int, last_us: int) -> Moments | None:
    """float64[entities], microseconds, NaN where there is none; None where the column holds no moments."""
    if column.texts:
        by_code = {code: _parsed(text) for code, text in column.texts.items()}
        values = np.array([by_code[int(code)] for code in column.values])
        known = sum(bool(column.texts[int(code)]) for code in column.values[1:])
        return values if _mostly(values[1:], known) else None
    for unit in UNITS_US:
        us = column.values.astype(np.float64) * unit
        near = np.where((us > first_us - YEARS_US) & (us < last_us + YEARS_US), us, np.nan)
        if _mostly(near[1:], int((~np.isnan(us[1:])).sum())):
            return near
    return None


def _later_than_their_row(dataset: ProcessedDataset, rows: Interactions, column: EntityColumn, moments: Moments) -> list[Leak]:
    of_row = moments[entity_rows(column.owner, rows)]
    later = of_row > rows.ts_us + BLUR_US
    if later.mean() <= ALLOWED:
        return []
    first = int(np.flatnonzero(later)[0])
    example = f"{named_row(dataset, rows, later)}: {column.name} is {moment(int(of_row[first]))}"
    what = "rows have a feature whose moment lies after the row: it was written by what happened later"
    return [Leak(what, column.where, int(later.sum()), example, f"Write {column.name} as it was known at the start of the log, or leave it out of [schema]")]


def _mostly(values: Moments, known: int) -> bool:
    read = int((~np.isnan(values)).sum())
    return read >= LEAST and read >= SHARE * known


def _parsed(text: str) -> float:
    """``2026-03-01`` or ``2026-03-01T12:00:00``; a date is its beginning."""
    try:
        found = datetime.fromisoformat(text) if "-" in text else None
    except ValueError:
        return float("nan")
    if found is None:
        return float("nan")
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1e6
