"""How a raw file is written: its separator and its header row, found out file by file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from homefeed.core.errors import InputError
from homefeed.etl.quotes import Grammar, Record, records
from homefeed.etl.raw_files import RawFile
from homefeed.etl.shown import shown

SEPARATORS = (",", "|", "\t")
NAMES = {",": "comma", "|": "pipe", "\t": "tab"}
SAMPLE_LINES, SAMPLE_BYTES = 10_000, 1 << 24
NEARLY_ALL, MOST = 0.95, 0.5

Affinity = Callable[[Sequence[str]], float]
"""Share of the probed values that make sense: ids that join with the log, or moments that can be read."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What a raw file should hold: ``columns`` in this order where it has no header row, which is known by one of ``id_columns``."""

    file: RawFile
    columns: tuple[str, ...]
    id_columns: tuple[str, ...]
    probe: str
    """Column whose values decide between separators that fit equally well."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """``columns``: names of all columns in the file's own order. ``skip``: lines up to the header row and with it."""

    file: RawFile
    separator: str
    columns: tuple[str, ...]
    has_header: bool
    skip: int = 0
    cell: str = ""
    """What separates the fields of ``file.content``, where that is a copy without quotes."""

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def width(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> str:
        """Those of the columns, for messages."""
        return ", ".join(map(shown, self.columns))

    def line_of(self, row: int) -> int:
        """Line number, from 1, of the row with this index, from 0; in a Parquet file the row's number."""
        return row + 1 + self.skip

    def describe(self) -> str:
        if self.file.is_parquet:
            return "Parquet"
        header = "header row" if self.has_header else "no header row"
        return f"{NAMES[self.separator]} separated, {header}"


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file under a dialect, blank ones left out: text of the fields, and the number of the line each began on."""

    rows: list[list[str]]
    lines: list[int]

    def column(self, place: int) -> list[str]:
        return [fields[place] for fields in self.rows if len(fields) > place]


def detect(spec: FileSpec, affinity: Affinity, *, preferred: str = ",", forced: str | None = None) -> tuple[Dialect, Sample]:
    """The dialect under which nearly all rows (or, where there is none, most) have the expected width, and what the first rows hold under it.

    Among several, the one with the best ``affinity`` wins, then the ``preferred`` separator (the log's own), then a comma.
    Raises ``InputError`` when the file is empty, or when no separator fits.
    """
    lines = _first_lines(spec)
    candidates = [_candidate(spec, separator, lines) for separator in ([forced] if forced else SEPARATORS)]
    fits = [_fit(*candidate) for candidate in candidates]
    fitting = [c for c, fit in zip(candidates, fits, strict=True) if fit >= NEARLY_ALL]
    if not fitting and max(fits) > MOST:
        fitting = [candidates[fits.index(max(fits))]]
    if not fitting:
        raise _misfit(spec, *max(candidates, key=lambda c: (c[0].has_header, _fit(*c), max(map(len, c[1].rows), default=0))))
    if len(fitting) == 1:
        return fitting[0]
    return max(fitting, key=lambda c: (round(affinity(_probe(spec, *c)), 2), c[0].separator == preferred, c[0].separator == ","))


def _first_lines(spec: FileSpec) -> list[bytes]:
    """Raises ``InputError`` where there is nothing but blanks."""
    lines: list[bytes] = []
    size = 0
    with spec.file.content.open("rb") as file:
        while len(lines) < SAMPLE_LINES and size < SAMPLE_BYTES and (line := file.readline(SAMPLE_BYTES)):
            lines.append(line)
            size += len(line)
    lines[:1] = [line.removeprefix(b"\xef\xbb\xbf") for line in lines[:1]]
    if not any(line.strip() for line in lines):
        raise InputError(f"{spec.file.path} is empty", expected=f"rows with the columns {', '.join(spec.columns)}")
    return lines


def _candidate(spec: FileSpec, separator: str, lines: list[bytes]) -> tuple[Dialect, Sample]:
    grammar = Grammar(separator)
    before = next(n for n, line in enumerate(lines) if line.strip())
    first = next(records(lines[before:], grammar))
    names = tuple(name.strip() for name in _text(first))
    dialect = Dialect(spec.file, separator, spec.columns, has_header=False)
    if any(name in names for name in spec.id_columns):
        dialect = replace(dialect, columns=names, has_header=True, skip=before + first.lines)
    return dialect, _sample(lines, grammar, dialect)


def _sample(lines: list[bytes], grammar: Grammar, dialect: Dialect) -> Sample:
    if not any(b'"' in line for line in lines):
        return _plain_sample(lines, grammar, dialect)
    sample, number = Sample([], []), dialect.skip + 1
    for record in records(lines[dialect.skip :], grammar, dialect.width):
        if any(field.strip() for field in record.fields) or len(record.fields) > 1:
            sample.rows.append(_text(record))
            sample.lines.append(number)
        number += record.lines
    return sample


def _plain_sample(lines: list[bytes], grammar: Grammar, dialect: Dialect) -> Sample:
    """The same of lines without quotes, where a line is a record."""
    filled = [(number, line) for number, line in enumerate(lines[dialect.skip :], start=dialect.skip + 1) if line.strip()]
    texts = [line.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r") for _, line in filled]
    rows = [text.split(dialect.separator) for text in texts]
    if grammar.trims:
        rows = [[field.strip(" ") for field in row] for row in rows]
    return Sample(rows, [number for number, _ in filled])


def _text(record: Record) -> list[str]:
    return [field.decode("utf-8", "replace") for field in record.fields]


def _fit(dialect: Dialect, sample: Sample) -> float:
    """Share of the rows that have the dialect's width."""
    return sum(len(fields) == dialect.width for fields in sample.rows) / len(sample.rows) if sample.rows else 0.0


def _probe(spec: FileSpec, dialect: Dialect, sample: Sample) -> list[str]:
    if spec.probe not in dialect.columns:
        return []
    place = dialect.columns.index(spec.probe)
    return [fields[place] for fields in sample.rows if len(fields) == dialect.width]


def _misfit(spec: FileSpec, closest: Dialect, sample: Sample) -> InputError:
    if not sample.rows:
        return InputError(f"{spec.file.path} holds a header row and nothing else", expected=f"rows with {closest.names}")
    index = next(n for n, fields in enumerate(sample.rows) if len(fields) != closest.width)
    width = len(sample.rows[index])
    return InputError(
        f"{spec.file.path}, line {sample.lines[index]}: {width} {NAMES[closest.separator]} separated column{'s' * (width != 1)}",
        expected=f"{closest.width}: {closest.names} (separated by comma, pipe or tab, or a header row that names them)",
        next_step="Name the file's columns in the [schema] of the configuration, or its separator with --separator",
    )
