"""What the log looks like once it is split: counts by side, by user and by item."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import polars as pl

from homefeed.artifacts.dataset_meta import Split
from homefeed.config import EtlConfig
from homefeed.core.errors import InputError
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.seen import repeats
from homefeed.etl.split import Parted


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the split. ``cold_users``, ``cold_items``: those the train side has not."""

    rows: int
    clicks: int
    users: int
    items: int
    cold_users: int
    cold_items: int
    start_us: int
    end_us: int

    @property
    def click_rate(self) -> float:
        return self.clicks / self.rows


@dataclass(frozen=True, slots=True)
class Figures:
    """``items``: ``item``, ``rows``, ``train_rows``, ``test_rows``, ``clicks_split``. ``repeats``: counts for the seen policy."""

    train: Side
    test: Side
    items: pl.DataFrame
    repeats: Mapping[str, int]
    digest: int

    @property
    def rows(self) -> int:
        return self.train.rows + self.test.rows

    @property
    def clicks(self) -> int:
        return self.train.clicks + self.test.clicks


def survey(parted: Parted, source: Path) -> Figures:
    """One pass over the split log. Raises ``InputError``, which names the ``source``, when a side is empty."""
    rows = parted.rows
    train = rows.filter(~nw.col("test"))
    sides, users, items, again = engine.collect(
        rows.group_by("test").agg(
            nw.len().alias("rows"), nw.col("label").cast(nw.Int64).sum().alias("clicks"), nw.col("ts_us").min().alias("start_us"),
            nw.col("ts_us").max().alias("end_us"), _digest().sum().alias("digest"),
        ),
        _counts(rows, "user"),
        _counts(rows, "item"),
        repeats(train),
    )  # fmt: skip
    by_side = {row["test"]: row for row in sides.iter_rows(named=True)}
    if len(by_side) < 2:
        empty = "train" if False not in by_side else "test"
        raise InputError(
            f"{source}: the split leaves the {empty} side empty", expected="rows at several moments", next_step="Change etl.test_fraction or --split"
        )
    train_side, test_side = (_side(by_side[test], users, items, "test_rows" if test else "train_rows") for test in (False, True))
    return Figures(train_side, test_side, items, again.row(0, named=True), sum(row["digest"] for row in by_side.values()))


def describe_split(etl: EtlConfig, test_from_us: int, figures: Figures, lineage_id: str, seed: int) -> Split:
    """The split with an id that changes whenever other rows could be on the test side; ``seed``: that of drawn rows."""
    drawn = (etl.sample_negatives, seed) if etl.sample_negatives else ()
    parts = (etl.split, etl.test_fraction, test_from_us, figures.train.rows, figures.test.rows, lineage_id, figures.digest, *drawn)
    return Split(etl.split, etl.test_fraction, test_from_us, hashlib.sha256(repr(parts).encode()).hexdigest()[:12])


def _digest() -> nw.Expr:
    """A number for each row; their sum tells logs apart, in whatever order the rows come."""
    who = (nw.col("ts_us") // 1000 + nw.col("user").cast(nw.Int64) * 7919) % 999_983
    what = (nw.col("item").cast(nw.Int64) * 2 + nw.col("label").cast(nw.Int64)) % 9_973
    return (who + 1) * (what + 1) + nw.col("test").cast(nw.Int64) * what


def _counts(rows: Table, by: str) -> Table:
    """Of each user (or item): rows of either side, and clicks of the train side."""
    test, clicked = nw.col("test").cast(nw.Int64), nw.col("label").cast(nw.Int64)
    return rows.group_by(by).agg(
        nw.len().alias("rows"), (1 - test).sum().alias("train_rows"), test.sum().alias("test_rows"), (clicked * (1 - test)).sum().alias("clicks_split")
    )


def _side(totals: Mapping[str, int], users: pl.DataFrame, items: pl.DataFrame, column: str) -> Side:
    present, cold = pl.col(column) > 0, pl.col("train_rows") == 0
    n_users, n_items, cold_users, cold_items = (len(frame.filter(which)) for which in (present, present & cold) for frame in (users, items))
    return Side(totals["rows"], totals["clicks"], n_users, n_items, cold_users, cold_items, totals["start_us"], totals["end_us"])
