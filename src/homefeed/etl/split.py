"""The split into train and test, in time: never between two rows of one moment, so that no shown list is torn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import numpy as np

from homefeed.config import SplitKind
from homefeed.core.errors import InputError
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table


@dataclass(frozen=True, slots=True)
class Parted:
    """``rows``: the log with a column ``test``. ``test_from_us``: first moment of the test side (global), or 0."""

    rows: Table
    test_from_us: int


def part(log: Table, kind: SplitKind, test_fraction: float, source: Path) -> Parted:
    """Rows of one moment go together to the side on which most of them would lie if the log were cut at exactly ``test_fraction``.

    Global: one cut through all rows. Per user: one cut through each user's rows; a user's first moment always trains.
    ``source``: the raw file, for messages. Raises ``InputError`` where all rows have one moment.
    """
    return _part_global(log, test_fraction, source) if kind == "global" else _part_per_user(log, test_fraction)


def _part_global(log: Table, test_fraction: float, source: Path) -> Parted:
    (moments,) = engine.collect(log.group_by("ts_us").agg(nw.len().alias("n")).sort("ts_us"))
    ts_us, count = moments["ts_us"].to_numpy(), moments["n"].to_numpy().astype(np.int64)
    if len(ts_us) < 2:
        raise InputError(f"{source}: all rows have one ts", expected="at least two different moments: the earlier one to train, the later one to test")
    middle = np.cumsum(count) - count / 2
    first = int(np.searchsorted(middle, count.sum() * (1 - test_fraction), side="right"))
    cut_us = int(ts_us[min(max(first, 1), len(ts_us) - 1)])
    return Parted(log.with_columns((nw.col("ts_us") >= cut_us).alias("test")), cut_us)


def _part_per_user(log: Table, test_fraction: float) -> Parted:
    moments = log.group_by("user", "ts_us").agg(nw.len().cast(nw.Int64).alias("n"))
    counted = moments.with_columns(nw.col("n").cum_sum().over("user", order_by="ts_us").alias("until"), nw.col("n").sum().over("user").alias("all"))
    before, middle = nw.col("until") - nw.col("n"), nw.col("until") - nw.col("n") / 2
    sides = counted.select("user", "ts_us", ((before > 0) & (middle > nw.col("all") * (1 - test_fraction))).alias("test"))
    return Parted(log.join(sides, on=["user", "ts_us"]), 0)
