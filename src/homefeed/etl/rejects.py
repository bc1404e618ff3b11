"""Rows that cannot be used: kept in ``rejects.csv``, counted by reason, and too many of them stop the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homefeed.core.errors import InputError

REJECTS_FILE = "rejects.csv"
SHOWN_REASONS = 20
SCHEMA = {"line": pl.Int64, "reason": pl.String, "value": pl.String}


@dataclass(frozen=True, slots=True)
class Rejects:
    """Of one file: ``rows`` that are not blank, and a ``table`` of the bad ones: ``line`` (in Parquet the row's number), ``reason``, ``value``."""

    file: Path
    rows: int
    table: pl.DataFrame

    @classmethod
    def of(cls, file: Path, rows: int, bad: Sequence[tuple[int, str, str]] = ()) -> Rejects:
        return cls(file, rows, pl.DataFrame(bad, schema=SCHEMA, orient="row").sort("line", maintain_order=True))

    @property
    def share(self) -> float:
        return len(self.table) / max(self.rows, 1)

    def by_reason(self) -> list[str]:
        """For each reason, the commonest first, how many rows and the first of them."""
        counts = self.table.group_by("reason").agg(pl.len().alias("n"), pl.col("line", "value").first()).sort("n", "line", descending=[True, False])
        lines = [
            f"{row['n']:,} x {row['reason']}, first in line {row['line']}" + f": '{row['value']}'" * bool(row["value"])
            for row in counts.head(SHOWN_REASONS).iter_rows(named=True)
        ]
        return [*lines, f"and {len(counts) - SHOWN_REASONS} other reasons"] if len(counts) > SHOWN_REASONS else lines


def summary(rejects: Sequence[Rejects], written_to: Path) -> list[str]:
    """What the user should read of the rejects; nothing where there are none."""
    total = sum(len(each.table) for each in rejects)
    reasons = [f"{each.file.name}: {line}" for each in rejects for line in each.by_reason()]
    return [*reasons, f"rejects: {total:,} rows cannot be used; each with its reason: {written_to}"] if total else []


def write_rejects(rejects: Sequence[Rejects], path: Path) -> None:
    """``file,line,reason,value``, one row for each reject, in the order of the files; a header row alone where there are none."""
    pl.concat(each.table.select(pl.lit(each.file.name).alias("file"), *SCHEMA) for each in rejects).write_csv(path)


def check_limit(rejects: Sequence[Rejects], limit: float, written_to: Path) -> None:
    """Raises ``InputError`` where more than this share of a file's rows are rejects."""
    for each in rejects:
        if each.share > limit:
            raise InputError(
                f"{each.file}: {len(each.table):,} of {each.rows:,} rows ({each.share:.1%}) cannot be used: {each.by_reason()[0]}",
                expected=f"at most {limit:.1%} of a file's rows to be bad (etl.max_rejects)",
                next_step=f"{written_to} names each of them. Mend the file; or raise etl.max_rejects, to go on without these rows",
            )
