"""`order.dat` through the ETL: which click an order belongs to, what the train side may know, and what is told of the rest."""

from __future__ import annotations

import gzip
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from raw_shop import LOG, Shop

from homefeed.config import Config
from homefeed.core.errors import InputError
from homefeed.etl.orders import attribute, with_orders
from homefeed.etl.split import Parted

Row = tuple[int, int, int, int]
"""ts, user, item, label."""
Order = tuple[int, int, int, float]
"""ts, user, item, value."""
Found = dict[int, float]
"""Value of a row's orders, by place of the row; rows without one are left out."""


def with_order_file(shop: Shop, lines: Sequence[str], name: str = "order.dat") -> Shop:
    shop.write()
    content = "".join(f"{line}\n" for line in lines).encode()
    (shop.data / "raw_data" / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return shop


def found_of(shop: Shop) -> dict[tuple[int, str, str], float]:
    """(ts, uid, iid) of each row that led to an order, and its value."""
    dataset, found = shop.dataset(), {}
    for rows in (dataset.train, dataset.test):
        assert rows.ordered is not None
        assert rows.value is not None
        assert ((rows.ordered == 1) | (rows.value == 0)).all()
        for at in np.flatnonzero(rows.ordered):
            ids = dataset.users.ids[rows.user[at]], dataset.items.ids[rows.item[at]]
            found[(int(rows.ts_us[at] // 1_000_000), *ids)] = float(rows.value[at])
    return found


def test_an_order_belongs_to_its_users_click_on_that_item(shop: Shop) -> None:
    with_order_file(shop, ["150,u1,i1,9.5", "300,u2,i2,3", "310,u2,i2,4", "850,u2,i3,1"]).run()
    assert found_of(shop) == {(100, "u1", "i1"): 9.5, (300, "u2", "i2"): 7.0, (800, "u2", "i3"): 1.0}


def test_rows_that_were_not_clicked_others_clicks_and_later_clicks_get_none(shop: Shop) -> None:
    report = with_order_file(shop, ["250,u2,i1,1", "150,u1,i2,1", "150,u3,i1,1", "150,stranger,i1,1", "99,u1,i1,1"]).run()
    assert found_of(shop) == {}
    assert report.orders is not None
    assert (report.orders.orders, report.orders.attributed) == (5, 0)


def test_an_order_outside_the_window_gets_none_and_one_at_its_edge_does(shop: Shop) -> None:
    with_order_file(shop, ["130,u1,i1,1", "531,u3,i1,1"]).run(orders={"window": "30s"}, etl={"test_fraction": 0.4})
    assert found_of(shop) == {(100, "u1", "i1"): 1.0}


def test_the_run_tells_how_many_orders_found_a_click(shop: Shop) -> None:
    with_order_file(shop, ["150,u1,i1,9.5", "160,u1,i1,0.5", "150,u2,i9,3", "950,u3,i1,4"]).run(orders={"window": "2d"})
    assert shop.listener.lines.count("order.dat: comma separated, no header row, ts in seconds, 4 rows") == 1
    assert (
        "orders: 2 of 4 (50.0%) belong to 1 click, with a value of 10.00 in all; 1 have no click of the same user and item in the 2 days before; "
        "1 came after the split for a click before it, and the train side does not know them"
    ) in shop.listener.lines


def test_an_order_of_nothing_is_an_order(shop: Shop) -> None:
    with_order_file(shop, ["150,u1,i1,0"]).run()
    assert found_of(shop) == {(100, "u1", "i1"): 0.0}


def test_without_the_file_nothing_changes_but_what_the_file_adds(shop: Shop) -> None:
    shop.write().run()
    plain = _digests(shop.processed)
    lineage = shop.dataset().meta.lineage
    assert shop.dataset().train.ordered is None
    assert shop.dataset().train.value is None
    with_order_file(shop, ["150,u1,i1,9.5", "150,new_user,new_item,3"]).run()
    assert shop.dataset().meta.lineage == lineage  # whoever only orders is no user of the log
    changed = {name for name, digest in _digests(shop.processed).items() if digest != plain[name]}
    assert changed == {"train.parquet", "test.parquet", "meta.json"}  # of the last, the checksums
    for name in ("train", "test"):
        assert pl.read_parquet(shop.processed / f"{name}.parquet").columns[-2:] == ["ordered", "value"]


def test_every_run_over_the_same_files_writes_the_same_bytes(shop: Shop) -> None:
    orders = [f"{150 + n},u1,i1,{n / 7:.3f}" for n in range(300)]
    with_order_file(shop, orders).run()
    first = _digests(shop.processed)
    with_order_file(shop, orders).run()
    assert _digests(shop.processed) == first


@pytest.mark.parametrize("name", ["order.dat.gz", "order.parquet", "order.dat"])
def test_it_may_be_compressed_parquet_or_of_another_dialect(name: str, shop: Shop) -> None:
    rows = [("1970-01-01T00:02:30Z", "u1", "i1", "9.5"), ("1970-01-01T00:14:10Z", "u2", "i3", "1")]
    with_order_file(shop, ["value | iid | uid | ts", *(" | ".join(row[::-1]) for row in rows)], name)
    if name.endswith(".parquet"):
        frame = pl.DataFrame(rows, schema=["ts", "uid", "iid", "value"], orient="row").with_columns(pl.col("value").cast(pl.Float64))
        frame.write_parquet(shop.data / "raw_data" / name)
    shop.run()
    assert found_of(shop) == {(100, "u1", "i1"): 9.5, (800, "u2", "i3"): 1.0}


def test_bad_rows_are_rejects_with_their_reason(shop: Shop) -> None:
    good = [f"{150 + n},u1,i1,1" for n in range(4)]
    bad = ["150,u1,i1,-3", "150,u1,i1,much", "150,u1,i1,inf", "150,u1,i1,", "soon,u1,i1,1", "9999999999,u1,i1,1", "150,,i1,1", "150,u1,i1,1,1"]
    with_order_file(shop, [*good, *bad]).run(etl={"max_rejects": 1.0})
    assert found_of(shop) == {(100, "u1", "i1"): 4.0}
    rejects = pl.read_csv(shop.processed / "rejects.csv")
    assert rejects["file"].unique().to_list() == ["order.dat"]
    assert dict(rejects.select("line", "reason").iter_rows()) == {
        **dict.fromkeys((5, 6, 7, 8), "value is not a number from 0 to 1e+12"),
        9: "ts is not in seconds", 10: "future timestamp", 11: "uid is empty", 12: "5 columns instead of 4",
    }  # fmt: skip


def test_too_many_bad_rows_stop_the_run_and_a_header_without_value_too(shop: Shop) -> None:
    with pytest.raises(InputError, match=r"order\.dat: 1 of 2 rows \(50\.0%\) cannot be used"):
        with_order_file(shop, ["150,u1,i1,1", "150,u1,i1,-1"]).run()
    with pytest.raises(InputError, match="lacks value"):
        with_order_file(shop, ["ts,uid,iid,price", "150,u1,i1,1"]).run()


def test_drawn_negatives_have_no_orders(shop: Shop) -> None:
    with_order_file(shop, ["150,u1,i1,9.5"])
    (shop.data / "raw_data" / "shop.dat").write_text("".join(f"{line}\n" for line in LOG if line.endswith(",1")))
    shop.run(etl={"sample_negatives": 2})
    rows = shop.dataset().train
    assert rows.ordered is not None
    assert rows.drawn.any()
    assert rows.ordered[rows.drawn].sum() == 0
    assert found_of(shop) == {(100, "u1", "i1"): 9.5}


@pytest.mark.parametrize("window", ["0d", "-3d", "soon"])
def test_a_window_that_is_none_is_refused(window: str) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"orders": {"window": window}})


WINDOW = 5
small = st.integers(0, 2)
log_rows = st.lists(st.tuples(st.integers(0, 20), small, small, st.integers(0, 1)), min_size=1, max_size=30)
order_rows = st.lists(st.tuples(st.integers(0, 25), small, small, st.integers(0, 8).map(float)), max_size=15)


@settings(deadline=None, max_examples=60)
@given(rows=log_rows, orders=order_rows, cut=st.integers(1, 21))
def test_global_attribution_equals_the_words_of_the_definition(rows: list[Row], orders: list[Order], cut: int) -> None:
    is_test = [row[0] >= cut for row in rows]
    assert attributed(rows, is_test, orders, cut) == by_the_words(rows, is_test, orders, dict.fromkeys(range(3), cut))


@settings(deadline=None, max_examples=60)
@given(rows=log_rows, orders=order_rows, cuts=st.tuples(*[st.integers(1, 25)] * 3))
def test_attribution_per_user_equals_the_words_of_the_definition(rows: list[Row], orders: list[Order], cuts: tuple[int, int, int]) -> None:
    is_test = [ts >= cuts[user] for ts, user, _, _ in rows]
    first = {user: min((row[0] for row, test in zip(rows, is_test, strict=True) if test and row[1] == user), default=10**9) for user in range(3)}
    assert attributed(rows, is_test, orders, 0) == by_the_words(rows, is_test, orders, first)


def attributed(rows: list[Row], is_test: list[bool], orders: list[Order], test_from: int) -> tuple[Found, int, int]:
    """What the ETL's columns say, how many orders found a click, and how many were late."""
    columns = {"ts_us": pl.Int64, "user": pl.Int32, "item": pl.Int32, "label": pl.Int8}
    log = pl.DataFrame(rows, schema=columns, orient="row").with_row_index("row").with_columns(pl.Series("test", is_test, pl.Boolean))
    table = pl.DataFrame(orders, schema={"ts_us": pl.Int64, "user": pl.Int32, "item": pl.Int32, "value": pl.Float64}, orient="row")
    lazy = nw.from_native(log.lazy())
    found = attribute(Parted(lazy, test_from), nw.from_native(table.lazy()), len(orders), timedelta(microseconds=WINDOW))
    told = with_orders(lazy, found).collect().to_native()
    assert told["ordered"].dtype == pl.Int8
    assert told["value"].dtype == pl.Float32
    return dict(told.filter(pl.col("ordered") == 1).select("row", "value").iter_rows()), found.attributed, found.late


def by_the_words(rows: list[Row], is_test: list[bool], orders: list[Order], end_of_train: dict[int, int]) -> tuple[Found, int, int]:
    value: Found = defaultdict(float)
    kept = late = 0
    for ts, user, item, worth in orders:
        clicks = [(row[0], at) for at, row in enumerate(rows) if row[1:] == (user, item, 1) and row[0] <= ts]
        if not clicks or ts - max(clicks)[0] > WINDOW:
            continue
        at = max(clicks)[1]
        if not is_test[at] and ts >= end_of_train[user]:
            late += 1
            continue
        value[at] += worth
        kept += 1
    return dict(value), kept, late


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.suffix}
