"""How a raw file is written: its separator and its header row, found out file by file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from homefeed.core.errors import InputError

SEPARATORS = (",", "|", "\t")
NAMES = {",": "comma", "|": "pipe", "\t": "tab"}
SAMPLE_LINES = 10_000
NEARLY_ALL = 0.95

Affinity = Callable[[Sequence[str]], float]
"""Share of the probed values that make sense: ids that join with the log, or moments that can be read."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What a raw file should hold: ``columns`` in this order where it has no header row, which is known by one of ``id_columns``."""

    path: Path
    columns: tuple[str, ...]
    id_columns: tuple[str, ...]
    probe: str
    """Column whose values decide between separators that fit equally well."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """``columns``: names of all columns in the file's own order."""

    path: Path
    separator: str
    columns: tuple[str, ...]
    has_header: bool

    @property
    def width(self) -> int:
        return len(self.columns)

    def line_of(self, row: int) -> int:
        """Line number, from 1, of the row with this index, from 0."""
        return row + 1 + self.has_header

    def describe(self) -> str:
        header = "header row" if self.has_header else "no header row"
        return f"{NAMES[self.separator]} separated, {header}"


def detect(spec: FileSpec, affinity: Affinity, *, preferred: str = ",", forced: str | None = None) -> Dialect:
    """The dialect under which nearly all rows have the expected width.

    Among several, the one with the best ``affinity`` wins, then the ``preferred`` separator (the log's own), then a comma.
    Raises ``InputError`` when the file is missing or empty, or when no separator fits.
    """
    lines = sample_lines(spec)
    candidates = [_candidate(spec, separator, lines) for separator in ([forced] if forced else SEPARATORS)]
    fitting = [c for c in candidates if _fit(c, lines) >= NEARLY_ALL]
    if not fitting:
        raise _misfit(spec, max(candidates, key=lambda c: (c.has_header, _fit(c, lines), len(split(lines[0], c.separator)))), lines)
    if len(fitting) == 1:
        return fitting[0]
    return max(fitting, key=lambda c: (round(affinity(_probe(spec, c, lines)), 2), c.separator == preferred, c.separator == ","))


def sample_lines(spec: FileSpec) -> list[str]:
    """The first lines of a file, blank ones left out. Raises ``InputError`` where there is nothing to read."""
    expected = f"the columns {', '.join(spec.columns)}"
    if not spec.path.exists():
        raise InputError(f"{spec.path} is missing", expected=f"a file with {expected}", next_step=f"Put it into {spec.path.parent}/")
    if not spec.path.is_file():
        raise InputError(f"{spec.path} is not a file", expected=f"a text file with {expected}")
    with spec.path.open("rb") as file:
        lines = [line.decode("utf-8-sig", "replace").rstrip("\r\n") for line in islice(file, SAMPLE_LINES)]
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise InputError(f"{spec.path} is empty", expected=f"rows with {expected}")
    return filled


def split(line: str, separator: str) -> list[str]:
    """The fields of a line; blanks around a pipe do not count."""
    fields = line.split(separator)
    return [field.strip(" ") for field in fields] if separator == "|" else fields


def _candidate(spec: FileSpec, separator: str, lines: list[str]) -> Dialect:
    first = [field.strip() for field in split(lines[0], separator)]
    has_header = any(name in first for name in spec.id_columns)
    return Dialect(spec.path, separator, tuple(first) if has_header else spec.columns, has_header)


def _fit(dialect: Dialect, lines: list[str]) -> float:
    """Share of the rows that have the dialect's width."""
    rows = lines[dialect.has_header :]
    return sum(line.count(dialect.separator) + 1 == dialect.width for line in rows) / len(rows) if rows else 0.0


def _probe(spec: FileSpec, dialect: Dialect, lines: list[str]) -> list[str]:
    if spec.probe not in dialect.columns:
        return []
    place = dialect.columns.index(spec.probe)
    rows = (split(line, dialect.separator) for line in lines[dialect.has_header :])
    return [fields[place] for fields in rows if len(fields) == dialect.width]


def _misfit(spec: FileSpec, closest: Dialect, lines: list[str]) -> InputError:
    rows = lines[closest.has_header :]
    if not rows:
        return InputError(f"{spec.path} holds a header row and nothing else", expected=f"rows with {', '.join(closest.columns)}")
    index = next(n for n, line in enumerate(rows) if line.count(closest.separator) + 1 != closest.width)
    width = rows[index].count(closest.separator) + 1
    return InputError(
        f"{spec.path}, line {closest.line_of(index)}: {width} {NAMES[closest.separator]} separated column{'s' * (width != 1)}",
        expected=f"{closest.width}: {', '.join(closest.columns)} (separated by comma, pipe or tab, or a header row that names them)",
        next_step="Name the file's columns in the [schema] of the configuration, or its separator with --separator",
    )
