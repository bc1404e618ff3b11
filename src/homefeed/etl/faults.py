"""What can be wrong with a row of a raw file, and how the user is told."""

from __future__ import annotations

from enum import IntEnum
from itertools import islice
from pathlib import Path

from homefeed.core.errors import InputError
from homefeed.etl.dialect import NAMES, Dialect, split


class Fault(IntEnum):
    """Codes of the column ``fault`` that a reader adds to its clean table."""

    NONE = 0
    WIDTH = 1
    TS = 2
    ID = 3
    LABEL = 4
    FLAG = 5


def fault_error(dialect: Dialect, row: int, column: str, expected: str) -> InputError:
    """The error for a row whose ``column`` cannot be used; where its width is wrong, that is the error."""
    line = dialect.line_of(row)
    fields = split(line_text(dialect.path, line), dialect.separator)
    if len(fields) != dialect.width or column not in dialect.columns:
        return width_error(dialect, row, len(fields))
    value = fields[dialect.columns.index(column)]
    shown = f"{column} is {value!r}" if value else f"{column} is empty"
    return InputError(f"{dialect.path}, line {line}: {shown}", expected=expected, next_step="Mend or remove the row")


def width_error(dialect: Dialect, row: int, width: int) -> InputError:
    return InputError(
        f"{dialect.path}, line {dialect.line_of(row)}: {width} {NAMES[dialect.separator]} separated column{'s' * (width != 1)}",
        expected=f"{dialect.width}: {', '.join(dialect.columns)}",
        next_step="Mend or remove the row",
    )


def encoding_error(path: Path) -> InputError | None:
    """The error for the first line that is not UTF-8; None when all are."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return InputError(f"{path}, line {number}: byte {error.start + 1} is not UTF-8", expected="UTF-8 text", next_step="Convert the file to UTF-8")
    return None


def line_text(path: Path, line: int) -> str:
    with path.open("rb") as file:
        return next(islice(file, line - 1, line), b"").decode("utf-8-sig", "replace").rstrip("\r\n")
