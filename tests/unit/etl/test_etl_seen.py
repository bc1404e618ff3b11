from __future__ import annotations

import polars as pl
import pytest

from homefeed.artifacts.dataset_meta import Seen
from homefeed.config import SeenPolicy
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.seen import choose, repeats

Rows = list[tuple[int, int, int, int]]
"""(ts, user, item, label)"""


def decided(rows: Rows, setting: SeenPolicy = "auto") -> Seen:
    log = pl.DataFrame(rows, schema={"ts_us": pl.Int64, "user": pl.Int32, "item": pl.Int32, "label": pl.Int8}, orient="row")
    (counts,) = engine.collect(repeats(engine.from_memory(log)))
    return choose(setting, counts.row(0, named=True))


def test_a_setting_overrules_what_the_log_says() -> None:
    assert decided([(1, 1, 1, 1)], "keep") == Seen("keep", "set in the configuration")


def test_nothing_shown_again_excludes() -> None:
    assert decided([(1, 1, 1, 1), (2, 1, 2, 0), (3, 2, 1, 0)]) == Seen("exclude", "no item is ever shown again to a user who clicked it")


def test_rows_at_the_very_moment_of_the_click_or_before_it_are_not_shown_again() -> None:
    assert decided([(1, 1, 1, 0), (2, 1, 1, 1), (2, 1, 1, 0)]).policy == "exclude"


@pytest.mark.parametrize(("again", "policy"), [(1, "keep"), (0, "exclude")])
def test_items_shown_again_are_kept_when_clicked_at_least_as_often_as_those_users_other_rows(again: int, policy: str) -> None:
    """User 1: other rows clicked 1 of 2, the one shown again 1 or 0 of 1. User 2, who sees nothing again, does not count."""
    seen = decided([(1, 1, 1, 1), (2, 1, 2, 0), (3, 1, 1, again), *((t, 2, t, 0) for t in range(50))])
    assert seen.policy == policy
    assert f"({again:.1%} against 50.0%)" in seen.reason


@pytest.mark.parametrize(("repeated", "policy"), [(2, "keep"), (1, "exclude"), (0, "exclude")])
def test_positives_alone_are_kept_when_over_a_tenth_repeats(repeated: int, policy: str) -> None:
    seen = decided([(t, 1, t, 1) for t in range(10 - repeated)] + [(100 + n, 1, n, 1) for n in range(repeated)])
    assert seen.policy == policy
    assert f"{repeated / 10:.1%} of the clicks" in seen.reason
