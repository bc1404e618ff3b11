"""Orders to the clicks that led to them.

An order belongs to the last click of the same user on the same item, at the order's moment or before it, if no more than a window lies between the two;
of several clicks in that one moment, to the last row of the log. It belongs to one click at most; a click may have several orders, whose values add up.

The train side knows no order of the time that is measured: one from the split on (per-user split: from its user's first test row on) is not
attributed to a train click. A log that ended at the split could not have held it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import narwhals as nw
import polars as pl

from homefeed.core.columns import IID, ORDERED, UID, VALUE
from homefeed.etl.encode import MapTable
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.split import Parted

ORDER_COLUMNS = (ORDERED, VALUE)
PAIR = ("user", "item")
NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Attributed:
    """``by_row``: ``row`` of each click with an order, and the ``value`` of its orders (f64).

    Of ``orders``, ``attributed`` have a click and together the ``value``; of the others, ``late`` came too late for the train side to know of.
    """

    by_row: pl.DataFrame
    orders: int
    attributed: int
    late: int
    value: float
    window: timedelta

    def lines(self) -> list[str]:
        """For the user."""
        days = self.window / timedelta(days=1)
        share = self.attributed / max(self.orders, 1)
        clicks = f"{len(self.by_row):,} click{'s' * (len(self.by_row) != 1)}"
        without = self.orders - self.attributed - self.late
        late = f"; {self.late:,} came after the split for a click before it, and the train side does not know them" if self.late else ""
        return [
            f"orders: {self.attributed:,} of {self.orders:,} ({share:.1%}) belong to {clicks}, with a value of {self.value:,.2f} in all; "
            f"{without:,} have no click of the same user and item in the {days:g} days before{late}"
        ]


def encode_orders(rows: Table, slots: MapTable) -> Table:
    """``ts_us``, ``user``, ``item`` (slots) and ``value``; those of users or items that the map does not know are left out."""
    users, items = (engine.from_memory(slots.field(f).select(pl.col("value").alias(f), pl.col("slot").alias(n))) for f, n in ((UID, "user"), (IID, "item")))
    return rows.select("ts_us", UID, IID, VALUE).join(users, on=UID).join(items, on=IID).select("ts_us", *PAIR, VALUE)


def attribute(parted: Parted, orders: Table, n_orders: int, window: timedelta) -> Attributed:
    """``orders``: ``ts_us``, ``user``, ``item``, ``value``; ``n_orders``: how many there are, those without a known user or item too."""
    log = parted.rows
    clicks = log.filter(nw.col("label") == 1).select(*PAIR, "ts_us", "row", "test").join(orders.select(*PAIR).unique(), on=list(PAIR), how="semi")
    moments = clicks.group_by(*PAIR, "ts_us").agg(nw.col("row").max(), nw.col("test").max()).rename({"ts_us": "click_us"})
    last = _last_click(moments, orders).filter(nw.col("click_us") >= 0, nw.col("ts_us") - nw.col("click_us") <= window // timedelta(microseconds=1))
    paired = _with_end_of_train(last.join(moments, on=[*PAIR, "click_us"]), parted)
    (found,) = engine.collect(paired.select("row", "ts_us", VALUE, late=~nw.col("test") & (nw.col("ts_us") >= nw.col("end_us"))))
    known = found.filter(~pl.col("late")).sort("row", "ts_us", VALUE)  # so that the same files give the same sums
    by_row = known.group_by("row", maintain_order=True).agg(pl.col(VALUE).sum())
    return Attributed(by_row, n_orders, len(known), len(found) - len(known), float(known[VALUE].sum()), window)


def with_orders(log: Table, attributed: Attributed) -> Table:
    """The log's rows with ``ordered`` (i8, 0 or 1) and ``value`` (f32, 0 without an order)."""
    joined = log.join(engine.from_memory(attributed.by_row), on="row", how="left")
    ordered = (~nw.col(VALUE).is_null()).cast(nw.Int8).alias(ORDERED)
    return joined.with_columns(ordered, nw.col(VALUE).fill_null(0.0).cast(nw.Float32))


def _last_click(moments: Table, orders: Table) -> Table:
    """The orders with ``click_us``: the moment of the last click of the same user and item until then, -1 where there is none."""
    clicked = moments.select(*PAIR, nw.col("click_us").alias("ts_us"), "click_us", nw.lit(0.0, nw.Float64).alias(VALUE), nw.lit(0, nw.Int8).alias("is_order"))
    asked = orders.select(*PAIR, "ts_us", nw.lit(-1, nw.Int64).alias("click_us"), VALUE, nw.lit(1, nw.Int8).alias("is_order"))
    timeline = nw.concat([clicked, asked])
    until = timeline.with_columns(nw.col("click_us").cum_max().over(*PAIR, order_by=["ts_us", "is_order"]))
    return until.filter(nw.col("is_order") == 1).drop("is_order")


def _with_end_of_train(orders: Table, parted: Parted) -> Table:
    """With ``end_us``: the moment from which on the train side knows nothing of this user."""
    if parted.test_from_us:
        return orders.with_columns(nw.lit(parted.test_from_us, nw.Int64).alias("end_us"))
    first = parted.rows.filter(nw.col("test")).group_by("user").agg(nw.col("ts_us").min().alias("end_us"))
    return orders.join(first, on="user", how="left").with_columns(nw.col("end_us").fill_null(NEVER))
