"""The optional fourth raw file: what was ordered, when, by whom, and for how much. Read with the log's own care."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import narwhals as nw

from homefeed.core.columns import IID, TS, UID, VALUE
from homefeed.core.errors import InputError
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.engines.polars_values import LARGEST_VALUE
from homefeed.etl.faults import Fault, Judge
from homefeed.etl.raw_files import lies_in
from homefeed.etl.raw_logs import share_readable
from homefeed.etl.raw_tables import Opened, check_columns, open_table, without_quotes
from homefeed.etl.reading import Reading
from homefeed.etl.rejects import Rejects
from homefeed.etl.shown import shown
from homefeed.etl.sieve import Sieve
from homefeed.etl.timestamps import EXPECTED, TimeForm, detect_form

ORDER_FILE = "order.dat"
COLUMNS = (TS, UID, IID, VALUE)


@dataclass(frozen=True, slots=True)
class RawOrders:
    """``rows``: ``row`` (place in the file), ``ts_us``, ``uid``, ``iid``, ``value`` (f64, from 0) of the ``n_rows`` usable rows."""

    path: Path
    rows: Table
    n_rows: int
    rejects: Rejects
    detected: tuple[str, ...]


def read_orders(folder: Path, separator: str, reading: Reading) -> RawOrders | None:
    """None where there is no such file. Bad rows are left out and told in ``rejects``, however many.

    ``separator``: the log's, which wins where several fit. Raises ``InputError`` where the file as a whole cannot be used.
    """
    if not lies_in(folder, ORDER_FILE):
        return None
    opened = without_quotes(open_table(folder, ORDER_FILE, COLUMNS, (UID, IID), TS, reading, share_readable, separator), reading)
    dialect = opened.dialect
    check_columns(dialect, COLUMNS)
    form = _time_form(opened)
    words = {
        Fault.TS: (TS, f"ts is not in {form.name}"),
        Fault.FUTURE: (TS, "future timestamp"),
        Fault.VALUE: (VALUE, f"value is not a number from 0 to {LARGEST_VALUE:.0e}"),
    }
    read = Sieve(lambda d: engine.read_orders(d, form, reading.latest_us), Judge(dialect, (UID, IID), words), (UID, IID), (nw.len().alias("rows"),))
    found = read.part(reading.work)
    name = dialect.path.name
    remarks = (f"{name}: {dialect.describe()}, ts in {form.name}, {found.rejects.rows:,} rows", *opened.remarks(COLUMNS))
    return RawOrders(dialect.path, found.rows, found.counts["rows"], found.rejects, remarks)


def _time_form(opened: Opened) -> TimeForm:
    """Its own: a shop's orders and its log may come from two systems."""
    values = opened.sample.column(opened.dialect.columns.index(TS))
    form = detect_form(values)
    if form is None:
        where = f"{opened.dialect.path}, line {opened.sample.lines[0]}"
        raise InputError(f"{where}: ts is {shown(values[0])!r}", expected=EXPECTED, next_step="Mend the column ts")
    return form
