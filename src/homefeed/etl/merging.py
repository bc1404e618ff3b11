"""One row for an item that was shown and clicked in one moment, where the log has a row for each."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import polars as pl

from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table

KEY = ("ts_us", "user", "item")


@dataclass(frozen=True, slots=True)
class Merged:
    """``rows``: the log. ``removed``: rows that went into another one."""

    rows: Table
    removed: int


def merge_labels(log: Table) -> Merged:
    """Rows of one ts, user and item with both labels become one: that with label 1 and the largest weight (the first of several).

    All others stay, the repeated ones too: the same ad shown twice in one moment was shown twice.
    """
    clicked, shown = (log.filter(nw.col("label") == label).select(*KEY).unique() for label in (1, 0))
    (both,) = engine.collect(clicked.join(shown, on=list(KEY)))
    if not len(both):
        return Merged(log, 0)
    keys = engine.from_memory(both)
    (touched,) = engine.collect(log.join(keys, on=list(KEY), how="semi"))
    clicks = touched.filter(pl.col("label") == 1).sort("weight", "row", descending=[True, False])
    best = engine.from_memory(clicks.unique(KEY, keep="first", maintain_order=True))
    return Merged(nw.concat([log.join(keys, on=list(KEY), how="anti"), best]), len(touched) - len(both))
