"""From a name of the contract to a table that can be read: the file, its dialect, and a copy where it holds quotes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from homefeed.core.errors import InputError
from homefeed.etl.dialect import Affinity, Dialect, FileSpec, Sample, detect
from homefeed.etl.engines.polars_source import parquet_dialect
from homefeed.etl.quotes import CELL, Grammar, holds_quotes, write_without_quotes
from homefeed.etl.raw_files import find_raw
from homefeed.etl.reading import Reading
from homefeed.etl.shown import shown


@dataclass(frozen=True, slots=True)
class Opened:
    """``literal``: rows with a quote at the start of a field that nothing closes, which are read as they stand."""

    dialect: Dialect
    sample: Sample
    literal: int = 0

    def remarks(self, used: Collection[str]) -> list[str]:
        """What the user should know: columns that nothing uses, and quotes that are none."""
        name = self.dialect.path.name
        ignored = [shown(column) for column in self.dialect.columns if column not in used]
        remarks = [f"{name}: ignored {', '.join(ignored)}"] if ignored else []
        return [*remarks, f"{name}: {self.literal:,} rows hold a quote that is never closed; it was read as it stands"] if self.literal else remarks


def open_table(
    folder: Path, name: str, columns: Sequence[str], id_columns: Sequence[str], probe: str, reading: Reading, affinity: Affinity, preferred: str = ","
) -> Opened:
    """The file under ``name`` and how it is written; for the rest see ``dialect.detect``. Raises ``InputError`` where it cannot be used."""
    spec = FileSpec(find_raw(folder, name, f"the columns {', '.join(columns)}", reading.work), tuple(columns), tuple(id_columns), probe)
    if spec.file.is_parquet:
        return Opened(*parquet_dialect(spec, reading.work / f"{name}.copy.parquet"))
    return Opened(*detect(spec, affinity, preferred=preferred, forced=reading.separator))


def without_quotes(opened: Opened, reading: Reading) -> Opened:
    """The same, to be read to its end: where fields are quoted, a copy of the file that has no quotes."""
    dialect = opened.dialect
    file, grammar = dialect.file, Grammar(dialect.separator)
    if file.is_parquet or not holds_quotes(file.content, grammar):
        return opened
    copy = reading.work / f"{file.path.name}.unquoted"
    literal = write_without_quotes(file.content, grammar, dialect.width, copy)
    return Opened(replace(dialect, cell=CELL.decode(), file=replace(file, content=copy)), opened.sample, literal)


def check_columns(dialect: Dialect, needed: Sequence[str]) -> None:
    """Raises ``InputError`` when the names of the columns lack one or have one twice."""
    where = f"{dialect.path}: its columns" if dialect.file.is_parquet else f"{dialect.path}, line {max(dialect.skip, 1)}: the header row"
    twice = sorted({name for name in dialect.columns if dialect.columns.count(name) > 1})
    missing = [name for name in needed if name not in dialect.columns]
    if twice:
        raise InputError(f"{where} names {', '.join(map(shown, twice))} twice", expected="every column once")
    if missing:
        raise InputError(
            f"{where} ({dialect.names}) {'lack' if dialect.file.is_parquet else 'lacks'} {', '.join(missing)}",
            expected=", ".join(needed),
            next_step="Rename the column in the file, or declare the file's columns in the [schema] of the configuration",
        )
