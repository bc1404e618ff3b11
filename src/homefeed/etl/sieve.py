"""The pass that parts a raw file's usable rows from its rejects. A clean file costs one pass; only the bad rows are looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import narwhals as nw
import polars as pl

from homefeed.core.errors import InputError
from homefeed.etl.dialect import Dialect
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.engines.polars_source import ROW
from homefeed.etl.faults import FAULT, Fault, Judge
from homefeed.etl.rejects import Rejects
from homefeed.etl.shown import shown

Read = Callable[[Dialect], Table]


@dataclass(frozen=True, slots=True)
class Sieved:
    """``rows``: the usable ones. ``ids``: their distinct ids, by column. ``counts``: one row of figures over them. ``as_read``: all rows, with ``fault``."""

    rows: Table
    as_read: Table
    ids: dict[str, pl.Series]
    counts: dict[str, int]
    rejects: Rejects


@dataclass(frozen=True, slots=True)
class Sieve:
    """``read``: the file as a table with ``row`` and ``fault``. ``ids``: its id columns. ``counts``: figures to take of the usable rows."""

    read: Read
    judge: Judge
    ids: tuple[str, ...]
    counts: Sequence[nw.Expr]

    def part(self, work: Path) -> Sieved:
        """``work``: a folder for a copy without the lines that are no text. Raises ``InputError`` where a Parquet file cannot be read."""
        dialect = self.judge.dialect
        try:
            return self._part(dialect, [])
        except pl.exceptions.PolarsError as error:
            garbled = [] if dialect.file.is_parquet else write_without_garbled(dialect.file.content, work / f"{dialect.path.name}.utf8", dialect.skip)
            if not garbled:
                raise InputError(f"{dialect.path} cannot be read: {str(error).splitlines()[0]}", next_step="Copy it again, or write it again") from error
            return self._part(replace(dialect, file=replace(dialect.file, content=work / f"{dialect.path.name}.utf8")), garbled)

    def _part(self, dialect: Dialect, garbled: list[tuple[int, str, str]]) -> Sieved:
        rows = self.read(dialect)
        lines, odd, faulty, *found = engine.collect(
            engine.line_count(dialect),
            engine.odd_rows(dialect),
            rows.filter(nw.col(FAULT) != int(Fault.NONE)).select(ROW, FAULT),
            *self._found(rows),
        )
        misfits = odd.filter(~pl.col("blank"))
        suspects = pl.concat([misfits.select(ROW, pl.lit(int(Fault.WIDTH), pl.Int8).alias(FAULT)), faulty, *self._of_unusable_ids(rows, found)], how="vertical")
        n_rows = lines.item() - (len(odd) - len(misfits)) + len(garbled)
        if not len(suspects) and not garbled:
            return self._sieved(rows, rows, found, Rejects.of(dialect.path, n_rows))
        bad = suspects.group_by(ROW).agg(pl.col(FAULT).min())
        kept = rows.join(engine.from_memory(bad.select(ROW)), on=ROW, how="anti")
        return self._sieved(kept, rows, engine.collect(*self._found(kept)), Rejects.of(dialect.path, n_rows, [*garbled, *self._verdicts(dialect, bad)]))

    def _found(self, rows: Table) -> list[Table]:
        return [rows.select(*self.counts), *(rows.select(name).unique() for name in self.ids)]

    def _of_unusable_ids(self, rows: Table, found: list[pl.DataFrame]) -> list[pl.DataFrame]:
        """Row and fault of the rows whose ids cannot be used. Ids repeat: only the distinct ones are looked at."""
        unusable = {name: engine.unusable_ids(frame[name].drop_nulls()) for name, frame in zip(self.ids, found[1:], strict=True)}
        tables = engine.collect(*(engine.rows_that_hold(rows, name, ids) for name, ids in unusable.items() if len(ids)))
        return [table.select(ROW, pl.lit(int(Fault.ID), pl.Int8).alias(FAULT)) for table in tables]

    def _verdicts(self, dialect: Dialect, bad: pl.DataFrame) -> list[tuple[int, str, str]]:
        judged = engine.fields_of(dialect, bad[ROW]).join(bad, on=ROW, maintain_order="left")
        return [(dialect.line_of(row), *self.judge.verdict(fields, Fault(fault))) for row, fields, fault in judged.iter_rows()]

    def _sieved(self, rows: Table, as_read: Table, found: list[pl.DataFrame], rejects: Rejects) -> Sieved:
        ids = {name: frame[name] for name, frame in zip(self.ids, found[1:], strict=True)}
        return Sieved(rows.drop(FAULT), as_read, ids, found[0].row(0, named=True), rejects)


def write_without_garbled(content: Path, target: Path, skip: int) -> list[tuple[int, str, str]]:
    """A copy in which a line that is not UTF-8 is blank; line, reason and value of each such line."""
    garbled = []
    with content.open("rb") as source, target.open("wb") as copy:
        for number, line in enumerate(source, start=1):
            try:
                line.decode("utf-8")
                copy.write(line)
            except UnicodeDecodeError:
                copy.write(b"\n")
                if number > skip:
                    garbled.append((number, "not UTF-8", shown(line.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))))
    return garbled
