"""Text to moments, numbers and flags; what cannot be read becomes null."""

from __future__ import annotations

import polars as pl

from homefeed.etl.timestamps import ISO_8601, UNIT_RANGES, TimeForm

LARGEST_VALUE = 1e12
"""Of one order: sums stay far below what a f32 can hold."""


def moment_us(text: pl.Expr, form: TimeForm) -> pl.Expr:
    """Microseconds since 1970, i64; a number whose magnitude is of another unit cannot be read, nor a moment before 1970."""
    if form.kind == "iso":
        return _iso_us(text)
    low, high = UNIT_RANGES[form.unit_us]
    value = text.str.strip_chars().cast(pl.Int64 if form.kind == "integer" else pl.Float64, strict=False)
    scaled = value * form.unit_us
    return pl.when((value >= low) & (value < high)).then(scaled if form.kind == "integer" else scaled.round().cast(pl.Int64, strict=False))


def number(text: pl.Expr) -> pl.Expr:
    """f64; what is no number, or none that a f32 can hold, counts as missing."""
    value = text.str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(value.cast(pl.Float32).is_finite()).then(value)


def worth(text: pl.Expr) -> pl.Expr:
    """f64 from 0 to ``LARGEST_VALUE``; anything else is null."""
    value = text.str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(value.is_between(0.0, LARGEST_VALUE)).then(value)


def flag(text: pl.Expr) -> pl.Expr:
    """``1`` or nothing: true, ``0``: false."""
    return text.fill_null("1").str.strip_chars().replace_strict({"0": False, "1": True}, default=None, return_dtype=pl.Boolean)


def _iso_us(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(ISO_8601).struct

    def whole(group: int) -> pl.Expr:
        return parts[group - 1].cast(pl.Int64, strict=False).fill_null(0)

    days = parts[0].str.to_date("%Y-%m-%d", strict=False).cast(pl.Int32).cast(pl.Int64)
    offset = (whole(7) * 60 + whole(8)) * pl.when(parts[5] == "-").then(-60).otherwise(60)
    seconds = days * 86_400 + whole(2) * 3_600 + whole(3) * 60 + whole(4) - offset
    moment = seconds * 1_000_000 + parts[4].str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)
    return pl.when(moment >= 0).then(moment)
