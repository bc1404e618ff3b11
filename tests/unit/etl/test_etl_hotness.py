from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.hotness import decayed_sums, own_moment
from homefeed.features.hotness import HotnessRule, choose_rule, hotness_at

Rows = list[tuple[int, int, int, float]]
"""(ts_us, item, label, weight)"""


def table(rows: Rows) -> pl.DataFrame:
    schema = {"ts_us": pl.Int64, "item": pl.Int32, "label": pl.Int8, "weight": pl.Float32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def columnar(rows: Rows, rule: HotnessRule) -> dict[tuple[int, int], float]:
    start_us = min(ts for ts, *_ in rows)
    (scores,) = engine.collect(own_moment(engine.from_memory(table(rows)), rule, start_us))
    return {(item, ts): score for item, ts, score in scores.iter_rows()}


def brute_force(rows: Rows, rule: HotnessRule) -> dict[tuple[int, int], float]:
    ts, item, label, weight = (np.array(column) for column in zip(*rows, strict=True))
    scores = {t: hotness_at(t, ts, item, label * weight.astype(float), 10, rule) for t in set(ts.tolist())}
    return {(i, t): scores[t][i] for t, i, *_ in rows}


def test_golden_rows_with_equal_timestamps() -> None:
    """Half-life 10, prior 2. Both rows at t = 0 see nothing; both of item 1 at t = 10 see the one click at 0, never each other."""
    rows: Rows = [(0, 1, 1, 1.0), (0, 2, 0, 1.0), (10, 1, 0, 1.0), (10, 1, 1, 1.0), (20, 2, 0, 1.0), (20, 3, 0, 1.0)]
    scores = columnar(rows, HotnessRule(10, 2))
    # t = 10: I1 = I2 = C1 = 1/2, p = 1/2; ctr1 = (1/2 + 2/2) / (1/2 + 2) = 0.6, lift 1.2, share 1
    # t = 20: I1 = 1/4 + 1, C1 = 1/4 + 1/2, I2 = 1/4, C2 = 0, p = (3/4) / (3/2) = 1/2; ctr2 = 1 / 2.25, lift 8/9, share 1/3
    expected = {
        (1, 0): 0.5,
        (2, 0): 0.5,
        (1, 10): 1.2 * (1 + np.log(2)) / 2,
        (2, 20): 8 / 9 * (1 + np.log(4 / 3)) / 2,
        (3, 20): 0.5,
    }
    assert scores == pytest.approx(expected)


def test_weights_count_in_clicks_and_not_in_impressions() -> None:
    light, heavy = (columnar([(0, 1, 1, w), (0, 2, 1, 1.0), (5, 1, 0, 1.0), (5, 2, 0, 1.0)], HotnessRule(10, 2)) for w in (1.0, 5.0))
    assert light[1, 5] == light[2, 5]
    assert heavy[1, 5] > light[1, 5] > heavy[2, 5]


def test_decay_goes_on_across_its_anchors() -> None:
    """A log of 4,000 half-lives, with rows shortly before and after many of the anchors."""
    rows: Rows = [(t, t % 3, t % 2, 1.0) for t in range(0, 4000, 37)]
    rule = HotnessRule(1, 0.5)
    assert columnar(rows, rule) == pytest.approx(brute_force(rows, rule), rel=1e-9)


log_rows = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 4), st.integers(0, 1), st.sampled_from([1.0, 3.0])),
    min_size=1,
    max_size=40,
)  # fmt: skip
rules = st.builds(HotnessRule, st.sampled_from([0.02, 0.3, 1.0, 7.0, 1e6]), st.sampled_from([0.5, 50.0]))


@settings(max_examples=60, deadline=None)
@given(log_rows, rules)
def test_columns_and_formula_agree_for_every_row(rows: Rows, rule: HotnessRule) -> None:
    """Down to half-lives of which the log spans two thousand; where the formula's own decay runs out of numbers, there is nothing to compare."""
    expected = brute_force(rows, rule)
    ages = {t: min((t - ts for ts, *_ in rows if ts < t), default=0) / rule.half_life_us for t, *_ in rows}
    got = columnar(rows, rule)
    assert got.keys() == expected.keys()
    assert all(got[key] == pytest.approx(expected[key], rel=1e-9) for key in expected if ages[key[1]] < 400)
    assert all(np.isfinite(score) and score > 0 for score in got.values())


@settings(max_examples=40, deadline=None)
@given(log_rows, st.integers(0, 41))
def test_labels_from_a_moment_on_never_change_hotness_up_to_it(rows: Rows, moment: int) -> None:
    rule = HotnessRule(5, 50)
    flipped = [(ts, item, 1 - label if ts >= moment else label, weight) for ts, item, label, weight in rows]
    before, after = columnar(rows, rule), columnar(flipped, rule)
    assert all(before[key] == after[key] for key in before if key[1] <= moment)


@settings(max_examples=40, deadline=None)
@given(log_rows, st.integers(1, 41))
def test_decayed_sums_at_a_moment_take_earlier_rows_alone(rows: Rows, moment: int) -> None:
    (sums,) = engine.collect(decayed_sums(engine.from_memory(table(rows)), moment, HotnessRule(5, 50)))
    for item, n, impressions, clicks in sums.iter_rows():
        past = [(0.5 ** ((moment - ts) / 5), label * weight) for ts, i, label, weight in rows if i == item and ts < moment]
        assert (n, impressions, clicks) == pytest.approx((len(past), sum(d for d, _ in past), sum(d * c for d, c in past)))


def test_the_half_life_is_a_quarter_of_the_train_sides_span_unless_set_and_at_least_an_hour() -> None:
    day = 86_400_000_000
    assert choose_rule(None, 50, 8 * day).half_life_days == 2
    assert choose_rule(3.0, 50, 8 * day).half_life_days == 3
    assert choose_rule(None, 50, 0).half_life_days == pytest.approx(1 / 24)
