"""The interaction log as a clean table, and what one pass over it tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import polars as pl

from homefeed.core.columns import EVENT, IID, LABEL, LOG_COLUMNS, OPTIONAL_LOG_COLUMNS, SURFACE, TS, UID, Schema
from homefeed.core.errors import InputError
from homefeed.etl.dialect import Dialect, Sample
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.events import LabelRule, label_rule
from homefeed.etl.faults import Fault, Judge
from homefeed.etl.raw_tables import Opened, check_columns, open_table, without_quotes
from homefeed.etl.reading import Reading
from homefeed.etl.rejects import Rejects
from homefeed.etl.shown import shown
from homefeed.etl.sieve import Sieve, Sieved
from homefeed.etl.timestamps import EXPECTED, TimeForm, detect_form, readable

LOG_FILE = "shop.dat"


@dataclass(frozen=True, slots=True)
class RawLog:
    """The usable rows of the log, and what is known of it.

    ``rows``: ``row`` (place in the file), ``ts_us``, ``uid``, ``iid``, ``label``, ``weight`` and ``extras``. ``users``, ``items``: their distinct ids.
    ``n_rows`` of them, ``clicks`` of those with label 1. ``rejects``: the rows that cannot be used, and how many rows there are in all.
    ``rule``: the column that says what a row means, and its values. ``path``: the file that was read.
    """

    path: Path
    rows: Table
    extras: tuple[str, ...]
    users: pl.Series
    items: pl.Series
    n_rows: int
    clicks: int
    rule: LabelRule
    unit_us: int
    separator: str
    rejects: Rejects
    detected: tuple[str, ...]


def read_log(folder: Path, schema: Schema, reading: Reading) -> RawLog:
    """The log that lies in ``folder``. Bad rows are left out and told in ``rejects``, however many.

    Raises ``InputError`` where the file as a whole cannot be used.
    """
    opened = without_quotes(open_log(folder, schema, reading), reading)
    dialect = opened.dialect
    rule = _label_rule(dialect, schema)
    form = _time_form(dialect, opened.sample)
    extras = tuple(name for name in OPTIONAL_LOG_COLUMNS if name in dialect.columns and name != EVENT)
    numeric = [name for name in extras if name != SURFACE]
    counts = nw.len().alias("rows"), nw.col("label").cast(nw.Int64).sum().alias("clicks"), *(nw.col(name).null_count() for name in numeric)
    judge = Judge(dialect, (UID, IID), _words(rule, form))
    found = Sieve(lambda d: engine.read_log(d, form, rule, extras, reading.latest_us), judge, (UID, IID), counts).part(reading.work)
    return RawLog(
        path=dialect.path,
        rows=found.rows,
        extras=extras,
        users=found.ids[UID],
        items=found.ids[IID],
        n_rows=found.counts["rows"],
        clicks=found.counts["clicks"],
        rule=rule,
        unit_us=form.unit_us,
        separator=dialect.separator,
        rejects=found.rejects,
        detected=_remarks(opened, schema, rule, form, extras, found),
    )


def open_log(folder: Path, schema: Schema, reading: Reading) -> Opened:
    """How the log is written, and its first rows. Raises ``InputError`` where there is none that could be read."""
    return open_table(folder, LOG_FILE, (*LOG_COLUMNS, *schema.log_extra), (UID, IID), TS, reading, share_readable)


def check_labels(log: RawLog, *, negatives_are_drawn: bool) -> None:
    """Raises ``InputError`` where the log has one label alone; a log of clicks is fine where negatives are drawn for it."""
    if not log.clicks:
        raise InputError(
            f"{log.path}: none of the {log.n_rows:,} rows has label 1", expected=f"{log.rule.column} to be {log.rule.expected}, with some rows of both kinds"
        )
    if log.clicks == log.n_rows and not negatives_are_drawn:
        raise InputError(
            f"{log.path}: all {log.n_rows:,} rows have label 1",
            expected="rows of both kinds: what was clicked or bought, and what was shown in vain (label 0)",
            next_step="A log of clicks or orders alone? --sample-negatives 4 draws 4 items that were not clicked for each click, as rows with label 0",
        )


def _words(rule: LabelRule, form: TimeForm) -> dict[Fault, tuple[str, str]]:
    return {
        Fault.TS: (TS, f"ts is not in {form.name}"),
        Fault.FUTURE: (TS, "future timestamp"),
        Fault.LABEL: (rule.column, f"{rule.column} is not {rule.expected}"),
    }


def _label_rule(dialect: Dialect, schema: Schema) -> LabelRule:
    check_columns(dialect, (TS, UID, IID) if EVENT in dialect.columns else (TS, UID, IID, LABEL))
    rule = label_rule(dialect.columns, schema.events)
    if rule is None:
        raise InputError(
            f"{dialect.path}: it has a column event and no label, and the configuration does not say what the kinds of event mean",
            expected="a weight for each kind, such as: [events] view = 0, click = 1, buy = 5",
        )
    return rule


def _time_form(dialect: Dialect, sample: Sample) -> TimeForm:
    values = sample.column(dialect.columns.index(TS))
    form = detect_form(values)
    if form is None:
        raise InputError(f"{dialect.path}, line {sample.lines[0]}: ts is {shown(values[0])!r}", expected=EXPECTED, next_step="Mend the column ts")
    return form


def share_readable(values: Sequence[str]) -> float:
    """Share of ``values`` that look like moments."""
    return sum(map(readable, values)) / max(len(values), 1)


def _remarks(opened: Opened, schema: Schema, rule: LabelRule, form: TimeForm, extras: Sequence[str], found: Sieved) -> tuple[str, ...]:
    name, used = opened.dialect.path.name, {TS, UID, IID, rule.column, *extras}
    remarks = [f"{name}: {opened.dialect.describe()}, ts in {form.name}, {found.rejects.rows:,} rows"]
    remarks += [f"{name}: also {', '.join(extras)}"] if extras else []
    remarks += [f"{name}: {column} is missing or no number in {found.counts[column]:,} rows" for column in extras if found.counts.get(column)]
    remarks += opened.remarks(used)
    if schema.events and rule.column == LABEL:
        remarks.append(f"{name}: no column event, so [events] is not used and label decides")
    return tuple(remarks)
