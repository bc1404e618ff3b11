"""Data that can be read and still say nothing: what a person would only notice weeks later, by a poor feed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import narwhals as nw

from homefeed.core.columns import AVAILABLE, IID, UID, Column
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.raw_features import RawFeatures
from homefeed.etl.raw_logs import RawLog
from homefeed.etl.shown import shown

DAY_US = 86_400_000_000
EARLIEST_US = 946_684_800_000_000
"""The year 2000: earlier moments are numbers of rows or days that were taken for seconds."""
HARDLY_ANY_ZEROS = 0.9
FEWEST = 10
"""So few entities may well all differ, or all be alike."""


@dataclass(frozen=True, slots=True)
class LogFigures:
    """``days`` of UTC with a row; ``most_rows``: of one user."""

    rows: int
    clicks: int
    users: int
    items: int
    first_us: int
    last_us: int
    days: int
    most_rows: int

    def lines(self, name: str) -> list[str]:
        rate, span = self.clicks / self.rows, (self.last_us - self.first_us) / DAY_US
        return [
            f"{name}: {self.rows:,} usable rows, {self.users:,} users, {self.items:,} items, {self.clicks:,} clicks, click rate {rate:.2%}",
            f"{name}: from {_moment(self.first_us)} to {_moment(self.last_us)} UTC ({span:,.1f} days)",
        ]


def figures_of(log: RawLog) -> LogFigures | None:
    """None where no row can be used."""
    if not log.n_rows:
        return None
    ts = nw.col("ts_us")
    totals, most = engine.collect(
        log.rows.select(ts.min().alias("first"), ts.max().alias("last"), (ts // DAY_US).n_unique().alias("days")),
        log.rows.group_by(UID).agg(nw.len().alias("n")).select(nw.col("n").max()),
    )
    first, last, days = totals.row(0)
    return LogFigures(log.n_rows, log.clicks, len(log.users), len(log.items), first, last, days, most.item())


def of_log(log: RawLog, figures: LogFigures) -> Iterator[str]:
    """Warnings about the log's usable rows."""
    name = log.path.name
    for count, ids, column in ((figures.users, log.users, UID), (figures.items, log.items, IID)):
        if count == 1:
            yield f"{name}: all rows have one {column}, {shown(ids[0])}: is it the column you meant?"
    if figures.most_rows == 1 and figures.users > 1:
        yield f"{name}: every user has one row, so nobody has a past to learn from: is uid the id of a visit, or of the row?"
    if figures.first_us == figures.last_us:
        yield f"{name}: all rows have one ts: nothing comes after anything else"
    elif figures.days == 1:
        yield f"{name}: all rows lie on one day, {_moment(figures.first_us)[:10]}: the test side is the end of that day"
    if figures.first_us < EARLIEST_US:
        yield f"{name}: it begins in {_moment(figures.first_us)[:4]}: is ts a time? Numbers are seconds, milliseconds or microseconds since 1970, by their size"
    if HARDLY_ANY_ZEROS < figures.clicks / figures.rows < 1:
        yield f"{name}: {figures.clicks / figures.rows:.1%} of the rows are clicks: is what was shown in vain left out of the log?"


def of_features(features: RawFeatures) -> Iterator[str]:
    """Warnings about a feature file's usable rows."""
    name, n_ids = features.path.name, len(features.ids)
    distinct = _distinct(features)
    for column in features.columns:
        if column.name in distinct and n_ids > FEWEST:
            yield from _of_column(f"{name}: {column.name}", distinct[column.name], n_ids, column)
    if any(column.name == AVAILABLE for column in features.columns):
        (on_sale,) = engine.collect(features.rows.select(nw.col(AVAILABLE).cast(nw.Int64).sum()))
        if not on_sale.item():
            yield f"{name}: available is 0 for all {n_ids:,} items: every list would be empty, and the export refuses"


def _of_column(what: str, distinct: int, n_ids: int, column: Column) -> Iterator[str]:
    if not distinct:
        yield f"{what} is {'no number' if column.kind == 'number' else 'empty'} in every row: it tells nothing"
    elif distinct == 1:
        yield f"{what} is the same in every row: it tells nothing"
    elif distinct == n_ids and column.kind != "number":
        yield f"{what} is different in every row: as a second id it tells nothing new"


def _distinct(features: RawFeatures) -> dict[str, int]:
    """Distinct values of each category, multi and number column, empty ones left out."""
    counts = {name: len(values) for name, values in features.values.items()}
    numbers = [column.name for column in features.columns if column.kind == "number"]
    if numbers:
        tables = engine.collect(*(features.rows.select(name).unique().drop_nulls() for name in numbers))
        counts |= {name: len(table) for name, table in zip(numbers, tables, strict=True)}
    return counts


def _moment(us: int) -> str:
    return f"{datetime.fromtimestamp(us / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
