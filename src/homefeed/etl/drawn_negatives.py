"""Rows with label 0 for a log that has none: items that were on offer when their user clicked, and that this user did not want.

Uniform over the items on offer. Two reasons. The optimal score against negatives drawn by q is ``log p(item | user) - log q(item)`` (Gutmann and Hyvärinen,
AISTATS 2010): with a uniform q its order is that of the click probability, with q by popularity the popular items would be pushed down a slate that is
judged by clicks. And AUC is the one ranking measure that means the same on a uniform sample as on the whole catalogue (Krichene and Rendle, KDD 2020).

What is known is known from the past: an item is on offer from its first row on, and a row of the train side may hold what its user clicks on the test side
only. To leave just those out would tell the reported model the answers.
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
"""Clicks at a time, so that memory is bounded by the log and not by what is drawn for it."""
DRAWN = "drawn"


@dataclass(frozen=True, slots=True)
class Drawn:
    """``rows``: ``row`` (the click's), ``ts_us``, ``user``, ``item``, ``label``, ``weight``, ``test``. ``short``: clicks that got fewer than ``per_click``."""

    rows: Table
    per_click: int
    train: int
    test: int
    short: int


@dataclass(frozen=True, slots=True)
class _Clicks:
    """Of C clicks: i64[C] each. ``on_offer``: so many of the items, numbered by their launch, existed at that moment."""

    index: Ints
    user: Ints
    on_offer: Ints

    def block(self, start: int) -> _Clicks:
        part = slice(start, start + BLOCK_CLICKS)
        return _Clicks(self.index[part], self.user[part], self.on_offer[part])


def refuse_shown_rows(figures: Figures, path: Path) -> None:
    """Raises ``InputError`` where the log has 0 rows of its own: what was shown and not clicked is worth more than what is drawn."""
    rows, clicks = (side + other for side, other in ((figures.train.rows, figures.test.rows), (figures.train.clicks, figures.test.clicks)))
    if clicks < rows:
        raise InputError(
            f"{path}: {rows - clicks:,} of {rows:,} rows have label 0, so no negatives can be drawn",
            expected="a log of clicks alone with --sample-negatives (etl.sample_negatives)",
            next_step="Leave the setting out to learn from the log's own 0 rows; or remove those rows, if they are not what was shown",
        )


def draw_negatives(log: Table, per_click: int, seed: int, path: Path) -> Drawn:
    """``log``: ``row``, ``ts_us``, ``user``, ``item``, ``test``, of clicks alone. What is drawn is kept at ``path``; one log and one seed draw the same."""
    (frame,) = engine.collect(log.select("row", "ts_us", "user", "item", "test").sort("ts_us", "user", "item", "row"))
    launches = frame.group_by("item").agg(pl.col("ts_us").min()).sort("ts_us", "item")
    place = np.zeros(int(launches["item"].to_numpy().max()) + 1, np.int64)
    place[launches["item"].to_numpy()] = np.arange(len(launches))
    user, item, test = frame["user"].to_numpy().astype(np.int64), place[frame["item"].to_numpy()], frame["test"].to_numpy()
    clicks = _Clicks(np.arange(len(frame)), user, np.searchsorted(launches["ts_us"].to_numpy(), frame["ts_us"].to_numpy(), side="right"))
    rng = np.random.default_rng(seed)
    picked = []
    for side, known in ((~test, ~test), (test, np.ones_like(test))):
        own = OwnItems(user[known], item[known], len(launches))
        of_side = _Clicks(clicks.index[side], clicks.user[side], clicks.on_offer[side])
        picked += list(_blocks(of_side, own, per_click, rng))
    index, places = (np.concatenate(parts) for parts in zip(*picked, strict=True))
    rows = frame[index].with_columns(pl.Series("item", launches["item"].to_numpy()[places]), label=pl.lit(0, pl.Int8), weight=pl.lit(1.0, pl.Float32))
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


def _blocks(clicks: _Clicks, own: OwnItems, per_click: int, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """(index of the click, number of the item) of each drawn row, block by block."""
    for start in range(0, len(clicks.index), BLOCK_CLICKS):
        block = clicks.block(start)
        free = block.on_offer - own.among_first(block.user, block.on_offer)
        chosen = distinct(free, per_click, rng)
        click, column = np.nonzero(chosen >= 0)
        yield block.index[click], own.other(block.user[click], chosen[click, column])


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
