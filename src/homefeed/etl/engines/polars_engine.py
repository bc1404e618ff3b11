"""The Polars engine: raw lines to clean tables, tables to files, both streaming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from homefeed.core.columns import AVAILABLE, IID, POSITION, PROPENSITY, UID, Column
from homefeed.etl.dialect import Dialect
from homefeed.etl.engines.polars_values import flag, moment_us, number
from homefeed.etl.events import LabelRule
from homefeed.etl.faults import Fault
from homefeed.etl.timestamps import TimeForm

Table = nw.LazyFrame[Any]
ROW, FAULT, OPEN_END = "row", "fault", "open_end"
"""A row's place in its file from 0, what is wrong with it, and whether its last column is empty or missing."""


def read_log(dialect: Dialect, form: TimeForm, rule: LabelRule, extras: Sequence[str]) -> Table:
    """``row`` (from 0), ``ts_us``, ``uid``, ``iid``, ``label``, ``weight``, the optional ``extras``, ``fault`` and ``open_end``.

    A value that cannot be read is null.
    """
    column = {name: pl.col(_place(n)) for n, name in enumerate(dialect.columns)}
    meaning = column[rule.column].str.strip_chars()
    weight = pl.lit(1.0, pl.Float32)
    if set(rule.weights.values()) != {1.0}:
        weight = meaning.replace_strict(rule.weights, default=None, return_dtype=pl.Float32)
    values = {
        "ts_us": moment_us(column["ts"], form),
        UID: column[UID],
        IID: column[IID],
        "label": meaning.replace_strict(rule.labels, default=None, return_dtype=pl.Int8),
        "weight": weight,
        **{name: _extra(name, column[name]) for name in extras},
    }
    both_ids = pl.when(column[UID].is_not_null() & column[IID].is_not_null()).then(1)
    checks = {Fault.TS: values["ts_us"], Fault.ID: both_ids, Fault.LABEL: values["label"]}
    return _checked(dialect, values, checks)


def read_features(dialect: Dialect, id_column: str, columns: Sequence[Column]) -> Table:
    """``row``, ``id``, the schema's columns (categories and multis as text, numbers as f64, flags as bool), ``fault`` and ``open_end``.

    Empty values are null.
    """
    place = {name: pl.col(_place(n)) for n, name in enumerate(dialect.columns)}
    convert = {"number": number, "flag": flag}
    values = {c.name: convert[c.kind](place[c.name]) if c.kind in convert else place[c.name] for c in columns}
    checks = {Fault.ID: place[id_column], Fault.FLAG: values.get(AVAILABLE, pl.lit(True))}
    return _checked(dialect, {"id": place[id_column], **values}, checks)


def first_misfit(dialect: Dialect) -> tuple[int, int] | None:
    """Row and width of the first line with another number of columns than the dialect's; None when there is none."""
    text = pl.col("line")
    lines = pl.scan_csv(
        dialect.path, has_header=False, separator="\x00", quote_char=None, schema={"line": pl.String}, skip_lines=int(dialect.has_header),
        row_index_name=ROW, extra_columns="ignore", glob=False,
    )  # fmt: skip
    widths = lines.filter(text.str.strip_chars() != "").select(ROW, width=text.str.count_matches(dialect.separator, literal=True) + 1)
    found = widths.filter(pl.col("width") != dialect.width).head(1).collect(engine="streaming")
    return (found.item(0, ROW), found.item(0, "width")) if len(found) else None


def scan(path: Path) -> Table:
    """A table that was written as Parquet."""
    return nw.from_native(pl.scan_parquet(path))


def from_memory(table: pl.DataFrame) -> Table:
    return nw.from_native(table.lazy())


def collect(*tables: Table) -> list[pl.DataFrame]:
    """All of them into memory, in one pass over what they share."""
    return pl.collect_all([table.to_native() for table in tables], engine="streaming")


def write(tables: Mapping[Path, Table]) -> None:
    """Each to its file, as its name ends (``.parquet`` or ``.csv``), in one pass over what they share."""
    pl.collect_all([_sink(path, table.to_native()) for path, table in tables.items()], engine="streaming")


def _sink(path: Path, frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.sink_csv(path, lazy=True) if path.suffix == ".csv" else frame.sink_parquet(path, compression="lz4", lazy=True)


def _scan(dialect: Dialect) -> pl.LazyFrame:
    """All columns as text under the names ``c0, c1, …``, one more to notice long rows; blank lines left out, empty values null."""
    names = [_place(n) for n in range(dialect.width + 1)]
    frame = pl.scan_csv(
        dialect.path, has_header=False, separator=dialect.separator, quote_char=None, schema=dict.fromkeys(names, pl.String),
        skip_lines=int(dialect.has_header), row_index_name=ROW, extra_columns="ignore", missing_columns="insert", glob=False,
    )  # fmt: skip
    if dialect.separator == "|":
        trimmed = (pl.col(name).str.strip_chars(" ") for name in names)
        frame = frame.with_columns(pl.when(text != "").then(text) for text in trimmed)
    return frame.filter((pl.col(names[0]).fill_null("").str.strip_chars() != "") | pl.any_horizontal(pl.col(names[1:]).is_not_null()))


def _place(n: int) -> str:
    return f"c{n}"


def _extra(name: str, text: pl.Expr) -> pl.Expr:
    casts = {POSITION: pl.Int32, PROPENSITY: pl.Float64}
    return text.str.strip_chars().cast(casts[name], strict=False) if name in casts else text


def _checked(dialect: Dialect, values: Mapping[str, pl.Expr], checks: Mapping[Fault, pl.Expr]) -> Table:
    open_end = pl.col(_place(dialect.width - 1)).is_null()
    return nw.from_native(_scan(dialect).select(ROW, **values, **{FAULT: _fault(dialect, checks), OPEN_END: open_end}))


def _fault(dialect: Dialect, checks: Mapping[Fault, pl.Expr]) -> pl.Expr:
    """The first fault of a row: a column too many, else the first of ``checks`` that is null, else ``Fault.NONE``."""
    fault = pl.lit(int(Fault.NONE), pl.Int8)
    for code, value in reversed(list(checks.items())):
        fault = pl.when(value.is_null()).then(pl.lit(int(code), pl.Int8)).otherwise(fault)
    return pl.when(pl.col(_place(dialect.width)).is_not_null()).then(pl.lit(int(Fault.WIDTH), pl.Int8)).otherwise(fault)
