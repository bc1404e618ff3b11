"""The feature file of users or of items as a clean table, and the values it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import polars as pl

from homefeed.core.columns import AVAILABLE, UID, Column
from homefeed.core.errors import InputError
from homefeed.etl.dialect import Dialect, FileSpec, detect
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import FAULT, OPEN_END, ROW, Table
from homefeed.etl.faults import Fault, fault_error
from homefeed.etl.raw_logs import RawLog, check_columns, check_widths, collect_checked
from homefeed.etl.reading import Reading

USER_FILE, ITEM_FILE = "user_feature.dat", "item_feature.dat"


@dataclass(frozen=True, slots=True)
class RawFeatures:
    """``rows``: ``id`` (each once) and the ``columns``. ``values``: the distinct texts of each category or multi column."""

    rows: Table
    columns: tuple[Column, ...]
    ids: pl.Series
    values: Mapping[str, pl.Series]
    detected: tuple[str, ...]


def read_features(path: Path, id_column: str, columns: tuple[Column, ...], log: RawLog, reading: Reading) -> RawFeatures:
    """Among separators that fit equally well, the one under which the ids join with the log's wins.

    Raises ``InputError`` with file and line where the file cannot be used.
    """
    log_ids = log.users if id_column == UID else log.items
    spec = FileSpec(path, (id_column, *(c.name for c in columns)), (id_column,), id_column)
    dialect = detect(spec, lambda ids: _share_known(ids, log_ids), preferred=log.separator, forced=reading.separator)
    check_columns(dialect, spec.columns)
    columns = _with_available(columns, id_column, dialect)
    rows = engine.read_features(dialect, id_column, columns)
    texts = [c.name for c in columns if c.kind in ("category", "multi")]
    counts, faults, ids, *values = collect_checked(
        path,
        rows.select(nw.len().alias("rows"), nw.col(OPEN_END).any(), *(nw.col(c.name).null_count() for c in columns)),
        rows.filter(nw.col(FAULT) != int(Fault.NONE)).select(ROW, FAULT).sort(ROW).head(1),
        rows.select("id").unique(),
        *(rows.select(name).unique().drop_nulls() for name in texts),
    )
    if len(faults):
        raise _explain(dialect, faults.item(0, ROW), Fault(faults.item(0, FAULT)), id_column)
    check_widths(dialect, counts.item(0, OPEN_END))
    remarks = _remarks(dialect, id_column, columns, counts, len(ids))
    unique = rows.unique("id", keep="last", order_by=ROW) if counts.item(0, "rows") > len(ids) else rows
    return RawFeatures(unique.drop(ROW, FAULT, OPEN_END), columns, ids["id"], {name: frame[name] for name, frame in zip(texts, values, strict=True)}, remarks)


def _share_known(ids: Sequence[str], log_ids: pl.Series) -> float:
    known = pl.Series("id", ids, pl.String).to_frame().join(log_ids.to_frame("id"), on="id", how="semi")
    return len(known) / max(len(ids), 1)


def _with_available(columns: tuple[Column, ...], id_column: str, dialect: Dialect) -> tuple[Column, ...]:
    """Item files may name ``available`` in their header row without a schema that says so."""
    undeclared = id_column == "iid" and AVAILABLE in dialect.columns and all(c.name != AVAILABLE for c in columns)
    return (*columns, Column(AVAILABLE, "flag")) if undeclared else columns


def _explain(dialect: Dialect, row: int, fault: Fault, id_column: str) -> InputError:
    if fault == Fault.FLAG:
        return fault_error(dialect, row, AVAILABLE, "0 or 1")
    return fault_error(dialect, row, id_column, "a non-empty id")


def _remarks(dialect: Dialect, id_column: str, columns: tuple[Column, ...], counts: pl.DataFrame, n_ids: int) -> tuple[str, ...]:
    name, n_rows = dialect.path.name, counts.item(0, "rows")
    remarks = [f"{name}: {dialect.describe()}, {n_rows:,} rows"]
    ignored = [column for column in dialect.columns if column != id_column and all(column != c.name for c in columns)]
    if ignored:
        remarks.append(f"{name}: ignored {', '.join(ignored)}")
    if n_rows > n_ids:
        remarks.append(f"{name}: {n_rows - n_ids:,} rows repeat an earlier {id_column}; the last one counts")
    for column in columns:
        missing = counts.item(0, column.name)
        if column.kind == "number" and missing:
            remarks.append(f"{name}: {column.name} is missing or no number in {missing:,} of {n_rows:,} rows")
    return tuple(remarks)
