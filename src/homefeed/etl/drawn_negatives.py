"""Rows with label 0 for a log that has none: items that were on offer when their user clicked, and that this user did not want.

Uniform over the items on offer. Two reasons. The optimal score against negatives drawn by q is ``log p(item | user) - log q(item)`` (Gutmann and Hyvärinen,
AISTATS 2010): with a uniform q its order is that of the click probability, with q by popularity the popular items would be pushed down a slate that is
judged by clicks. And AUC is the one ranking measure that means the same on a uniform sample as on the whole catalogue (Krichene and Rendle, KDD 2020).

When an item came on offer, a log of clicks does not say: its first row is its first click, and an item drawn from then on alone would teach that what nobody
has clicked yet (hotness 0.5) is clicked for sure. Of n moments spread evenly from launch to end, the first is expected a (n + 1)-th of that span after the
launch, so the launch is taken to be at ``first - (end - first) / n``.

Rows of the train side are drawn from what the train side knows, so one of them may hold what its user clicks on the test side only: to leave just those out
would tell the reported model the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from homefeed.core.errors import InputError
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.figures import Figures

Ints = npt.NDArray[np.int64]
BLOCK_CLICKS = 1 << 18
"""Clicks at a time, so that what the drawing works with stays small beside what is drawn."""
DRAWN = "drawn"


@dataclass(frozen=True, slots=True)
class Drawn:
    """``rows``: ``row`` (the click's), ``ts_us``, ``user``, ``item``, ``label``, ``weight``, ``test``. ``short``: clicks that got fewer than ``per_click``."""

    rows: Table
    per_click: int
    train: int
    test: int
    short: int


def refuse_shown_rows(figures: Figures, path: Path) -> None:
    """Raises ``InputError`` where the log has 0 rows of its own: what was shown and not clicked is worth more than what is drawn."""
    if figures.clicks < figures.rows:
        raise InputError(
            f"{path}: {figures.rows - figures.clicks:,} of {figures.rows:,} rows have label 0, so no negatives can be drawn",
            expected="a log of clicks alone with --sample-negatives (etl.sample_negatives)",
            next_step="Leave the setting out to learn from the log's own 0 rows; or remove those rows, if they are not what was shown",
        )


def refuse_clicks_alone(figures: Figures, path: Path) -> None:
    """Raises ``InputError`` where the log's 0 rows have all gone into clicks of the same moment, so that one label is left."""
    if figures.clicks == figures.rows:
        raise InputError(
            f"{path}: every row with label 0 has the ts, uid and iid of one with label 1, so all {figures.rows:,} rows that are left are clicks",
            expected="rows of both kinds: what was clicked or bought, and what was shown in vain (label 0)",
            next_step="Where the log holds no more than that: --sample-negatives 4",
        )


def draw_negatives(log: Table, per_click: int, seed: int, path: Path) -> Drawn:
    """``log``: ``row``, ``ts_us``, ``user``, ``item``, ``test``, of clicks alone. What is drawn is kept at ``path``; one log and one seed draw the same."""
    (frame,) = engine.collect(log.select("row", "ts_us", "user", "item", "test").sort("ts_us", "user", "item", "row"))
    frame, rng = frame.with_columns(index=pl.int_range(pl.len())), np.random.default_rng(seed)
    sides = frame.filter(~pl.col("test")), frame.filter("test")
    parts = [part for side, known in zip(sides, (sides[0], frame), strict=True) for part in _blocks(side, known, per_click, rng)]
    index, item = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows = frame[index].with_columns(pl.Series("item", item), label=pl.lit(0, pl.Int8), weight=pl.lit(1.0, pl.Float32))
    rows.select("row", "ts_us", "user", "item", "label", "weight", "test").write_parquet(path, compression="lz4")
    short = int((np.bincount(index, minlength=len(frame)) < per_click).sum())
    on_test = int(rows["test"].sum())
    return Drawn(engine.scan(path), per_click, len(rows) - on_test, on_test, short)


def with_drawn(log: Table, drawn: Drawn | None) -> Table:
    """The log's rows and the drawn ones, told apart by the column ``drawn``; columns that a drawn row has not are null."""
    real = log.with_columns(nw.lit(value=False).alias(DRAWN))
    return real if drawn is None else nw.concat([real, drawn.rows.with_columns(nw.lit(value=True).alias(DRAWN))], how="diagonal")


class OwnItems:
    """Which items each user has, and so which one is the j-th that a user has not."""

    def __init__(self, user: Ints, item: Ints, n_items: int) -> None:
        self.width = n_items + 1
        self.pairs = np.unique(user * self.width + item)
        owner = self.pairs // self.width
        self.first = np.searchsorted(owner, np.arange(int(user.max(initial=0)) + 2))
        self.others_before = self.pairs - (np.arange(len(self.pairs)) - self.first[owner])

    def among_first(self, user: Ints, n: Ints) -> Ints:
        """How many of the first ``n`` items each user has."""
        return np.searchsorted(self.pairs, user * self.width + n) - self.first[user]

    def other(self, user: Ints, j: Ints) -> Ints:
        """The ``j``-th item, from 0, that each user has not."""
        return j + np.searchsorted(self.others_before, user * self.width + j, side="right") - self.first[user]


def _blocks(clicks: pl.DataFrame, known: pl.DataFrame, per_click: int, rng: np.random.Generator) -> Iterator[tuple[Ints, npt.NDArray[np.int32]]]:
    """(index of the click, slot of the item) of each drawn row, block by block; ``known``: the rows that say who has what, and what is on offer when."""
    if not len(clicks):
        return
    launches = launched(known)
    slots, launch_us = launches["item"].to_numpy(), launches["launch_us"].to_numpy()
    number = np.zeros(int(slots.max()) + 1, np.int64)
    number[slots] = np.arange(len(slots))
    own = OwnItems(known["user"].to_numpy().astype(np.int64), number[known["item"].to_numpy()], len(slots))
    for block in clicks.iter_slices(BLOCK_CLICKS):
        user = block["user"].to_numpy().astype(np.int64)
        on_offer = np.searchsorted(launch_us, block["ts_us"].to_numpy(), side="right")
        chosen = distinct(on_offer - own.among_first(user, on_offer), per_click, rng)
        click, column = np.nonzero(chosen >= 0)
        yield block["index"].to_numpy()[click], slots[own.other(user[click], chosen[click, column])]


def launched(known: pl.DataFrame) -> pl.DataFrame:
    """``item`` and ``launch_us``, when it is taken to have come on offer, in that order."""
    moments = known.group_by("item").agg(pl.col("ts_us").min().alias("first"), pl.col("ts_us").n_unique().alias("n"))
    waited = (pl.lit(known["ts_us"].max()) - pl.col("first")) // pl.col("n")
    return moments.select("item", (pl.col("first") - waited).alias("launch_us")).sort("launch_us", "item")


def distinct(free: Ints, n: int, rng: np.random.Generator) -> Ints:
    """i64[C, n]: for each entry different numbers below it, every set equally likely; -1 where it has fewer. (Floyd's algorithm, Bentley 1987.)"""
    chosen = np.full((len(free), n), -1, np.int64)
    size = np.minimum(free, n)
    for column in range(n):
        last = free - size + column
        number = (rng.random(len(free)) * (last + 1)).astype(np.int64)
        taken = (chosen[:, :column] == number[:, None]).any(1)
        chosen[:, column] = np.where(column < size, np.where(taken, last, number), -1)
    return chosen
