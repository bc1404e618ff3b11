"""Raw files as columns of text, row by row: what every reading of them starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from homefeed.core.errors import InputError
from homefeed.etl.dialect import Dialect, FileSpec, Sample
from homefeed.etl.engines.parquet_copy import copy_parquet
from homefeed.etl.quotes import LINE_BREAK

ROW = "row"
"""A row's place in its file, from 0; blank lines count."""
SAMPLE_ROWS = 10_000
BLANKS = " \t\r\x0b\x0c\ufeff"
"""A line of these alone is blank. The last one is the byte order mark, which the first line may begin with."""
EXACT = 2.0**53
"""Whole numbers below this one are the same as floats and as integers."""


def cell(n: int) -> str:
    return f"c{n}"


def scan_cells(dialect: Dialect) -> pl.LazyFrame:
    """``row``, all columns as text under the names ``c0, c1, …``, and one more to notice long rows; blank lines left out, empty values null."""
    return _scan_parquet(dialect) if dialect.file.is_parquet else _scan_text(dialect)


def scan_rows(dialect: Dialect) -> pl.LazyFrame:
    """``row`` and ``fields`` (list of text) of every row, whatever its width."""
    if dialect.file.is_parquet:
        return scan_cells(dialect).select(ROW, fields=pl.concat_list(pl.col(cell(n)).fill_null("") for n in range(dialect.width)))
    fields = pl.col("line").str.strip_prefix("\ufeff").str.split(dialect.cell or dialect.separator)
    if dialect.cell:
        fields = fields.list.eval(pl.element().str.replace_all(LINE_BREAK, "\n", literal=True))
    elif dialect.separator == "|":
        fields = fields.list.eval(pl.element().str.strip_chars(" "))
    return _scan_lines(dialect).select(ROW, fields=fields)


def line_count(dialect: Dialect) -> pl.LazyFrame:
    """How many rows there are, blank ones too."""
    return (scan_cells(dialect) if dialect.file.is_parquet else _scan_lines(dialect)).select(pl.len())


def odd_rows(dialect: Dialect) -> pl.LazyFrame:
    """``row`` of each row that has another width than the dialect or nothing in any column, and whether it is ``blank``."""
    if dialect.file.is_parquet:
        return scan_cells(dialect).filter(pl.all_horizontal(pl.exclude(ROW).is_null())).select(ROW, blank=False)
    sign, line = dialect.cell or dialect.separator, pl.col("line")
    is_hollow = line.str.strip_chars(BLANKS + sign) == ""
    odd = _scan_lines(dialect).filter((line.str.count_matches(sign, literal=True) + 1 != dialect.width) | is_hollow)
    return odd.select(ROW, blank=line.str.strip_chars(BLANKS) == "")


def parquet_dialect(spec: FileSpec, copy: Path) -> tuple[Dialect, Sample]:
    """The names of a Parquet file's columns, and its first rows as text; what is read is a ``copy``. Raises ``InputError`` where it cannot be read."""
    problem = copy_parquet(spec.file.content, copy)
    if problem:
        raise InputError(f"{spec.file.path} cannot be read as Parquet: {problem}", next_step="Copy it again, or write it again")
    names = tuple(pl.scan_parquet(copy, glob=False).collect_schema().names())
    dialect = Dialect(replace(spec.file, content=copy), ",", names, has_header=True)
    rows = scan_rows(dialect).head(SAMPLE_ROWS).collect() if names else pl.DataFrame()
    if not len(rows):
        raise InputError(f"{spec.file.path} is empty", expected=f"rows with the columns {', '.join(spec.columns)}")
    return dialect, Sample(rows["fields"].to_list(), (rows[ROW] + 1).to_list())


def _scan_text(dialect: Dialect) -> pl.LazyFrame:
    names = [cell(n) for n in range(dialect.width + 1)]
    frame = pl.scan_csv(
        dialect.file.content, has_header=False, separator=dialect.cell or dialect.separator, quote_char=None, schema=dict.fromkeys(names, pl.String),
        skip_lines=dialect.skip, row_index_name=ROW, extra_columns="ignore", missing_columns="insert", glob=False,
    )  # fmt: skip
    if dialect.cell:
        frame = frame.with_columns(pl.col(names).str.replace_all(LINE_BREAK, "\n", literal=True))
    elif dialect.separator == "|":
        trimmed = (pl.col(name).str.strip_chars(" ") for name in names)
        frame = frame.with_columns(pl.when(text != "").then(text) for text in trimmed)
    return frame.filter((pl.col(names[0]).fill_null("").str.strip_chars(BLANKS) != "") | pl.any_horizontal(pl.col(names[1:]).is_not_null()))


def _scan_lines(dialect: Dialect) -> pl.LazyFrame:
    """``row`` and ``line`` of each line after the header row."""
    lines = pl.scan_lines(dialect.file.content, row_index_name=ROW, glob=False)
    return lines.filter(pl.col(ROW) >= dialect.skip).with_columns(pl.col(ROW) - dialect.skip) if dialect.skip else lines


def _scan_parquet(dialect: Dialect) -> pl.LazyFrame:
    frame = pl.scan_parquet(dialect.file.content, glob=False)
    types = frame.collect_schema()
    cells = [_as_text(pl.col(name), types[name]).alias(cell(n)) for n, name in enumerate(dialect.columns)]
    return frame.select(*cells, pl.lit(None, pl.String).alias(cell(dialect.width))).with_row_index(ROW)


def _as_text(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """A typed value as the text that a clean text file would hold; empty and what has no text is null."""
    if kind == pl.Boolean:
        text = value.cast(pl.Int8).cast(pl.String)
    elif kind.is_float():
        whole = (value.floor() == value) & (value.abs() < EXACT)
        text = pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).when(value.is_not_nan()).then(value.cast(pl.String))
    elif isinstance(kind, pl.Datetime):
        zoned = value if kind.time_zone is None else value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        text = zoned.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    elif kind == pl.Binary:
        text = value.map_batches(_decoded, return_dtype=pl.String)
    elif kind.is_nested() or kind == pl.Duration:
        text = pl.lit(None, pl.String)
    else:
        text = value.cast(pl.String, strict=False)
    return pl.when(text != "").then(text)


def _decoded(values: pl.Series) -> pl.Series:
    """Bytes as the text that they spell; null where they are not UTF-8."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        return pl.Series(values.name, [None if raw is None else _text(raw) for raw in values], pl.String)


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
