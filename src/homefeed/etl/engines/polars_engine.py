"""The Polars engine: raw rows to clean tables, tables to files, both streaming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from homefeed.core.columns import AVAILABLE, IID, POSITION, PROPENSITY, TS, UID, VALUE, Column
from homefeed.core.ids import MAX_ID_BYTES
from homefeed.etl.dialect import Dialect
from homefeed.etl.engines import polars_source as source
from homefeed.etl.engines.polars_source import ROW, cell
from homefeed.etl.engines.polars_values import flag, moment_us, number, worth
from homefeed.etl.events import LabelRule
from homefeed.etl.faults import FAULT, Fault
from homefeed.etl.timestamps import TimeForm

Table = nw.LazyFrame[Any]


def read_log(dialect: Dialect, form: TimeForm, rule: LabelRule, extras: Sequence[str], latest_us: int) -> Table:
    """``row`` (from 0), ``ts_us``, ``uid``, ``iid``, ``label``, ``weight``, the optional ``extras`` and ``fault``.

    A value that cannot be read is null.
    """
    column = {name: pl.col(cell(n)) for n, name in enumerate(dialect.columns)}
    meaning = column[rule.column].str.strip_chars()
    weight = pl.lit(1.0, pl.Float32)
    if set(rule.weights.values()) != {1.0}:
        weight = meaning.replace_strict(rule.weights, default=None, return_dtype=pl.Float32)
    ts_us = moment_us(column["ts"], form)
    values = {
        "ts_us": ts_us,
        UID: column[UID],
        IID: column[IID],
        "label": meaning.replace_strict(rule.labels, default=None, return_dtype=pl.Int8),
        "weight": weight,
        **{name: _extra(name, column[name]) for name in extras},
    }
    both_ids = column[UID].is_not_null() & column[IID].is_not_null()
    return _checked(
        dialect, values, {Fault.TS: ts_us.is_not_null(), Fault.FUTURE: ts_us <= latest_us, Fault.ID: both_ids, Fault.LABEL: values["label"].is_not_null()}
    )


def read_features(dialect: Dialect, id_column: str, columns: Sequence[Column]) -> Table:
    """``row``, ``id``, the schema's columns (categories and multis as text, numbers as f64, flags as bool) and ``fault``.

    Empty values are null.
    """
    place = {name: pl.col(cell(n)) for n, name in enumerate(dialect.columns)}
    convert = {"number": number, "flag": flag}
    values = {c.name: convert[c.kind](place[c.name]) if c.kind in convert else place[c.name] for c in columns}
    checks = {Fault.ID: place[id_column].is_not_null(), Fault.FLAG: values.get(AVAILABLE, pl.lit(True)).is_not_null()}
    return _checked(dialect, {"id": place[id_column], **values}, checks)


def read_orders(dialect: Dialect, form: TimeForm, latest_us: int) -> Table:
    """``row`` (from 0), ``ts_us``, ``uid``, ``iid``, ``value`` (f64) and ``fault``. A value that cannot be read is null."""
    column = {name: pl.col(cell(n)) for n, name in enumerate(dialect.columns)}
    ts_us, value = moment_us(column[TS], form), worth(column[VALUE])
    values = {"ts_us": ts_us, UID: column[UID], IID: column[IID], VALUE: value}
    both_ids = column[UID].is_not_null() & column[IID].is_not_null()
    return _checked(dialect, values, {Fault.TS: ts_us.is_not_null(), Fault.FUTURE: ts_us <= latest_us, Fault.ID: both_ids, Fault.VALUE: value.is_not_null()})


def rows_that_hold(rows: Table, column: str, texts: pl.Series) -> Table:
    """``row`` of each row with one of these ids."""
    return rows.join(from_memory(texts.alias(column).to_frame()), on=column, how="semi").select(ROW)


def unusable_ids(ids: pl.Series) -> pl.Series:
    """Those that ``core.ids.decode_id`` refuses."""
    return ids.filter((ids.str.len_bytes() > MAX_ID_BYTES) | ids.str.contains(r"\p{Cc}") | (ids == ""))


def odd_rows(dialect: Dialect) -> Table:
    """``row`` of each row that has another width than the dialect or nothing in any column, and whether it is ``blank``."""
    return nw.from_native(source.odd_rows(dialect))


def line_count(dialect: Dialect) -> Table:
    """One number: how many rows there are, blank ones too."""
    return nw.from_native(source.line_count(dialect))


def fields_of(dialect: Dialect, rows: pl.Series) -> pl.DataFrame:
    """``row`` and ``fields`` (list of text) of these rows, in their order."""
    return source.scan_rows(dialect).join(rows.to_frame().lazy(), on=ROW, how="semi").collect(engine="streaming").sort(ROW)


def scan(path: Path) -> Table:
    """A table that was written as Parquet."""
    return nw.from_native(pl.scan_parquet(path, glob=False))


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


def _extra(name: str, text: pl.Expr) -> pl.Expr:
    casts = {POSITION: pl.Int32, PROPENSITY: pl.Float64}
    return text.str.strip_chars().cast(casts[name], strict=False) if name in casts else text


def _checked(dialect: Dialect, values: Mapping[str, pl.Expr], checks: Mapping[Fault, pl.Expr]) -> Table:
    """With the first fault of each row: a column too many, else the first of ``checks`` that fails, else ``Fault.NONE``."""
    fault = pl.lit(int(Fault.NONE), pl.Int8)
    checks = {Fault.WIDTH: pl.col(cell(dialect.width)).is_null(), **checks}
    for code, is_good in reversed(list(checks.items())):
        fault = pl.when(~is_good).then(pl.lit(int(code), pl.Int8)).otherwise(fault)
    return nw.from_native(source.scan_cells(dialect).select(ROW, **values, **{FAULT: fault}))
