"""The interaction log as a clean table, and what one pass over it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import polars as pl

from homefeed.core.columns import EVENT, IID, LABEL, LOG_COLUMNS, OPTIONAL_LOG_COLUMNS, SURFACE, TS, UID, Schema
from homefeed.core.errors import InputError
from homefeed.etl.dialect import Dialect, FileSpec, detect, sample_lines, split
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import FAULT, OPEN_END, ROW, Table
from homefeed.etl.events import LabelRule, label_rule
from homefeed.etl.faults import Fault, encoding_error, fault_error, width_error
from homefeed.etl.reading import Reading
from homefeed.etl.timestamps import EXPECTED, TimeForm, detect_form, readable

LOG_FILE = "shop.dat"


@dataclass(frozen=True, slots=True)
class RawLog:
    """``rows``: ``row``, ``ts_us``, ``uid``, ``iid``, ``label``, ``weight`` and ``extras``. ``users``, ``items``: the distinct ids."""

    rows: Table
    extras: tuple[str, ...]
    users: pl.Series
    items: pl.Series
    n_rows: int
    unit_us: int
    separator: str
    detected: tuple[str, ...]


def read_log(folder: Path, schema: Schema, reading: Reading) -> RawLog:
    """Raises ``InputError`` with file and line where the log cannot be used."""
    spec = FileSpec(folder / LOG_FILE, (*LOG_COLUMNS, *schema.log_extra), (UID, IID), TS)
    dialect = detect(spec, _share_readable, forced=reading.separator)
    rule = _label_rule(dialect, schema)
    form = _time_form(spec, dialect)
    extras = tuple(name for name in OPTIONAL_LOG_COLUMNS if name in dialect.columns and name != EVENT)
    rows = engine.read_log(dialect, form, rule, extras)
    summary, users, items = _survey(dialect, rows, rule, [name for name in extras if name != SURFACE])
    title = f"{dialect.path.name}: {dialect.describe()}, ts in {form.name}, {summary['rows']:,} rows"
    detected = (title, *_remarks(dialect, schema, rule, extras, summary))
    return RawLog(rows, extras, users, items, summary["rows"], form.unit_us, dialect.separator, detected)


def check_columns(dialect: Dialect, needed: Sequence[str]) -> None:
    """Raises ``InputError`` when the header row lacks a column or names one twice."""
    twice = sorted({name for name in dialect.columns if dialect.columns.count(name) > 1})
    missing = [name for name in needed if name not in dialect.columns]
    if twice:
        raise InputError(f"{dialect.path}, line 1: the header row names {', '.join(twice)} twice", expected="every column once")
    if missing:
        raise InputError(
            f"{dialect.path}, line 1: the header row ({', '.join(dialect.columns)}) lacks {', '.join(missing)}",
            expected=", ".join(needed),
            next_step="Rename the column in the file, or declare the file's columns in the [schema] of the configuration",
        )


def check_widths(dialect: Dialect, any_open_end: bool) -> None:
    """A row that is too short looks like one whose last value is empty; only where there are such rows, all lines are looked at."""
    misfit = engine.first_misfit(dialect) if any_open_end else None
    if misfit is not None:
        raise width_error(dialect, *misfit)


def collect_checked(path: Path, *tables: Table) -> list[pl.DataFrame]:
    """Raises ``InputError`` naming the line where the text is not UTF-8."""
    try:
        return engine.collect(*tables)
    except pl.exceptions.ComputeError as error:
        raise encoding_error(path) or error from error


def _survey(dialect: Dialect, rows: Table, rule: LabelRule, numeric: Sequence[str]) -> tuple[dict[str, int], pl.Series, pl.Series]:
    """One pass: faults, row and click counts, distinct ids."""
    faulty = rows.filter(nw.col(FAULT) != int(Fault.NONE)).select(ROW, FAULT)
    counts, first_faults, users, items = collect_checked(
        dialect.path,
        rows.select(
            nw.len().alias("rows"),
            nw.col("label").cast(nw.Int64).sum().alias("clicks"),
            nw.col(OPEN_END).any(),
            *(nw.col(name).null_count() for name in numeric),
        ),
        faulty.sort(ROW).head(1),
        rows.select(UID).unique(),
        rows.select(IID).unique(),
    )
    summary = counts.row(0, named=True)
    if len(first_faults):
        raise _explain(dialect, first_faults.item(0, ROW), Fault(first_faults.item(0, FAULT)), rule)
    check_widths(dialect, summary[OPEN_END])
    if not summary["clicks"]:
        raise InputError(
            f"{dialect.path}: none of the {summary['rows']:,} rows has label 1", expected=f"{rule.column} to be {rule.expected}, with some rows of both kinds"
        )
    return summary, users[UID], items[IID]


def _explain(dialect: Dialect, row: int, fault: Fault, rule: LabelRule) -> InputError:
    if fault == Fault.ID:
        error = fault_error(dialect, row, UID, "a non-empty id")
        return error if "uid is empty" in error.what or "columns" in error.what else fault_error(dialect, row, IID, "a non-empty id")
    return fault_error(dialect, row, TS, EXPECTED) if fault == Fault.TS else fault_error(dialect, row, rule.column, rule.expected)


def _label_rule(dialect: Dialect, schema: Schema) -> LabelRule:
    check_columns(dialect, (TS, UID, IID) if EVENT in dialect.columns else (TS, UID, IID, LABEL))
    rule = label_rule(dialect.columns, schema.events)
    if rule is None:
        raise InputError(
            f"{dialect.path}: it has a column event and no label, and the configuration does not say what the kinds of event mean",
            expected="a weight for each kind, such as: [events] view = 0, click = 1, buy = 5",
        )
    return rule


def _time_form(spec: FileSpec, dialect: Dialect) -> TimeForm:
    place = dialect.columns.index(TS)
    rows = [split(line, dialect.separator) for line in sample_lines(spec)[dialect.has_header :]]
    form = detect_form([fields[place] for fields in rows if len(fields) > place])
    if form is None:
        raise fault_error(dialect, 0, TS, EXPECTED)
    return form


def _share_readable(values: Sequence[str]) -> float:
    return sum(map(readable, values)) / max(len(values), 1)


def _remarks(dialect: Dialect, schema: Schema, rule: LabelRule, extras: Sequence[str], summary: Mapping[str, int]) -> list[str]:
    used = {TS, UID, IID, rule.column, *extras}
    ignored = [name for name in dialect.columns if name not in used]
    remarks = [f"{dialect.path.name}: also {', '.join(extras)}"] if extras else []
    remarks += [f"{dialect.path.name}: {name} is missing or no number in {summary[name]:,} rows" for name in extras if summary.get(name)]
    if ignored:
        remarks.append(f"{dialect.path.name}: ignored {', '.join(ignored)}")
    if schema.events and rule.column == LABEL:
        remarks.append(f"{dialect.path.name}: no column event, so [events] is not used and label decides")
    return remarks
