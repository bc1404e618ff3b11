"""The feature file of users or of items as a clean table, and the values it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import polars as pl

from homefeed.core.columns import AVAILABLE, UID, Column
from homefeed.etl.dialect import Dialect
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.engines.polars_source import ROW
from homefeed.etl.faults import FAULT, Fault, Judge
from homefeed.etl.raw_logs import RawLog
from homefeed.etl.raw_tables import Opened, check_columns, open_table, without_quotes
from homefeed.etl.reading import Reading
from homefeed.etl.rejects import Rejects
from homefeed.etl.shown import shown
from homefeed.etl.sieve import Sieve, Sieved

USER_FILE, ITEM_FILE = "user_feature.dat", "item_feature.dat"
NAMED_IDS = 5


@dataclass(frozen=True, slots=True)
class RawFeatures:
    """The usable rows of a feature file, and what is known of it.

    ``rows``: ``id`` (each once) and the ``columns``. ``ids``: the distinct ids. ``values``: the distinct texts of each category or multi column.
    ``rejects``: the rows that cannot be used, and how many rows there are in all. ``off_sale``: ids whose flag ``available`` cannot be read: what may be
    sold out is not shown.
    """

    path: Path
    rows: Table
    columns: tuple[Column, ...]
    ids: pl.Series
    values: Mapping[str, pl.Series]
    rejects: Rejects
    off_sale: pl.Series
    detected: tuple[str, ...]


def read_features(path: Path, id_column: str, columns: tuple[Column, ...], log: RawLog, reading: Reading) -> RawFeatures:
    """``path``: the file's name in the contract, which may have other endings. Bad rows are left out and told in ``rejects``, however many.

    Among separators that fit equally well, the one under which the ids join with the log's wins.
    Raises ``InputError`` where the file as a whole cannot be used.
    """
    opened = without_quotes(open_features(path, id_column, columns, log, reading), reading)
    dialect = opened.dialect
    columns = _with_available(columns, id_column, dialect)
    counts = nw.len().alias("rows"), *(nw.col(c.name).null_count() for c in columns)
    judge = Judge(dialect, (id_column,), {Fault.FLAG: (AVAILABLE, f"{AVAILABLE} is not 0 or 1")})
    found = Sieve(lambda d: engine.read_features(d, id_column, columns), judge, ("id",), counts).part(reading.work)
    texts = [c.name for c in columns if c.kind in ("category", "multi")]
    values = engine.collect(*(found.rows.select(name).unique().drop_nulls() for name in texts))
    has_repeats = found.counts["rows"] > len(found.ids["id"])
    off_sale = _with_unreadable_flags(found, columns)
    unique = found.rows.unique("id", keep="last", order_by=ROW) if has_repeats else found.rows
    return RawFeatures(
        path=dialect.path,
        rows=unique.drop(ROW),
        columns=columns,
        ids=found.ids["id"],
        values={name: frame[name] for name, frame in zip(texts, values, strict=True)},
        rejects=found.rejects,
        off_sale=off_sale,
        detected=(
            *_remarks(opened, id_column, columns, found),
            *(_repeats(dialect, id_column, columns, found) if has_repeats else ()),
            *_off_sale_lines(dialect, off_sale),
        ),
    )


def open_features(path: Path, id_column: str, columns: tuple[Column, ...], log: RawLog, reading: Reading) -> Opened:
    """How the file is written, and its first rows. Raises ``InputError`` where there is none that could be read."""
    log_ids, names = log.users if id_column == UID else log.items, (id_column, *(c.name for c in columns))
    opened = open_table(path.parent, path.name, names, (id_column,), id_column, reading, lambda ids: share_known(ids, log_ids), log.separator)
    check_columns(opened.dialect, names)
    return opened


def share_known(ids: Sequence[str], log_ids: pl.Series) -> float:
    """Share of ``ids`` that are among the log's."""
    known = pl.Series("id", ids, pl.String).to_frame().join(log_ids.to_frame("id"), on="id", how="semi")
    return len(known) / max(len(ids), 1)


def _with_available(columns: tuple[Column, ...], id_column: str, dialect: Dialect) -> tuple[Column, ...]:
    """Item files may name ``available`` in their header row without a schema that says so."""
    undeclared = id_column == "iid" and AVAILABLE in dialect.columns and all(c.name != AVAILABLE for c in columns)
    return (*columns, Column(AVAILABLE, "flag")) if undeclared else columns


def _with_unreadable_flags(found: Sieved, columns: tuple[Column, ...]) -> pl.Series:
    if found.rejects.rows == found.counts["rows"] or all(c.name != AVAILABLE for c in columns):
        return pl.Series("id", [], pl.String)
    flagged = found.as_read.filter(nw.col(FAULT) == int(Fault.FLAG), ~nw.col("id").is_null())
    (ids,) = engine.collect(flagged.select("id").unique().sort("id"))
    return ids["id"]


def _off_sale_lines(dialect: Dialect, ids: pl.Series) -> list[str]:
    if not len(ids):
        return []
    return [f"Warning: {dialect.path.name}: {len(ids):,} items are off sale until their {AVAILABLE} can be read: {_some(ids)}"]


def _some(ids: pl.Series) -> str:
    return ", ".join(map(shown, ids.head(NAMED_IDS))) + ", …" * (len(ids) > NAMED_IDS)


def _repeats(dialect: Dialect, id_column: str, columns: tuple[Column, ...], found: Sieved) -> list[str]:
    """Rows that repeat an entity are only counted; where their tags differ, a warning names the entities."""
    distinct = found.rows.select("id", *(c.name for c in columns)).unique().group_by("id").agg(nw.len().alias("versions"))
    (differing,) = engine.collect(distinct.filter(nw.col("versions") > 1).select("id").sort("id"))
    name, n_repeats = dialect.path.name, found.counts["rows"] - len(found.ids["id"])
    lines = [f"{name}: {n_repeats:,} rows repeat an earlier {id_column}; the last one counts"]
    if len(differing):
        lines.append(
            f"Warning: {name}: {len(differing):,} {id_column} stand there with different values: {_some(differing['id'])}. The last row of each counts"
        )
    return lines


def _remarks(opened: Opened, id_column: str, columns: tuple[Column, ...], found: Sieved) -> list[str]:
    name, n_rows = opened.dialect.path.name, found.counts["rows"]
    remarks = [f"{name}: {opened.dialect.describe()}, {found.rejects.rows:,} rows", *opened.remarks({id_column, *(c.name for c in columns)})]
    for column in columns:
        missing = found.counts[column.name]
        if column.kind == "number" and missing:
            remarks.append(f"{name}: {column.name} is missing or no number in {missing:,} of {n_rows:,} rows")
    return remarks
