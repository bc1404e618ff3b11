from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.config import SplitKind
from homefeed.core.errors import InputError
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.split import part

Rows = list[tuple[int, int]]
"""(ts, user)"""


def sides(rows: Rows, kind: SplitKind, fraction: float = 0.2) -> pl.DataFrame:
    log = pl.DataFrame(rows, schema={"ts_us": pl.Int64, "user": pl.Int32}, orient="row")
    (parted,) = engine.collect(part(engine.from_memory(log), kind, fraction, Path("shop.dat")).rows)
    return parted


def test_one_moment_parts_all_rows_at_about_the_fraction() -> None:
    parted = sides([(t, t % 3) for t in range(100)], "global")
    assert parted.filter("test")["ts_us"].to_list() == list(range(80, 100))


def test_a_moment_with_many_rows_goes_to_the_side_where_most_of_them_lie() -> None:
    assert not sides([(1, 1)] * 5 + [(2, 1)] * 4 + [(3, 1)], "global").filter("test")["ts_us"].is_in([2]).any()
    assert sides([(1, 1)] * 6 + [(2, 1)] * 4, "global", 0.3).filter("test")["ts_us"].to_list() == [2] * 4


def test_both_sides_have_rows_even_when_nearly_all_share_a_moment() -> None:
    assert sides([(1, 1)] + [(2, 1)] * 99, "global").filter("test").height == 99
    assert sides([(1, 1)] * 99 + [(2, 1)], "global").filter("test").height == 1
    with pytest.raises(InputError, match=r"shop\.dat: all rows have one ts"):
        sides([(1, 1), (1, 2)], "global")


def test_per_user_the_last_rows_of_each_user_are_tested() -> None:
    parted = sides([(t, 1) for t in range(10)] + [(t, 2) for t in range(100, 105)] + [(7, 3), (8, 3)], "per-user")
    assert sorted(parted.filter("test").select("user", "ts_us").rows()) == [(1, 8), (1, 9), (2, 104)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), min_size=2, max_size=40), st.floats(0.05, 0.9))
def test_no_split_tears_a_moment_or_tests_before_it_trains(rows: Rows, fraction: float) -> None:
    if len({t for t, _ in rows}) > 1:
        parted = sides(rows, "global", fraction)
        assert parted.filter("test")["ts_us"].min() > parted.filter(~pl.col("test"))["ts_us"].max()  # type: ignore[operator]
    for _, own in sides(rows, "per-user", fraction).group_by("user"):
        train, test = own.filter(~pl.col("test"))["ts_us"], own.filter("test")["ts_us"]
        assert len(train) > 0
        assert not len(test) or test.min() > train.max()  # type: ignore[operator]
