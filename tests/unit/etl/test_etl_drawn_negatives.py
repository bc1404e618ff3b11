"""Drawn negatives: which items they are, and all the places where they must not count."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_shop import ITEMS, USERS, Shop

from homefeed.core.errors import InputError
from homefeed.etl import pipeline
from homefeed.etl.drawn_negatives import Drawn, distinct, draw_negatives, launched
from homefeed.etl.engines import polars_engine as engine
from homefeed.features.hotness import HotnessRule, hotness_at

CLICKS = [f"{100 * n},u{n % 3},i{n % 3 + n * n // 3 % 4},1" for n in range(40)]
"""40 clicks of three users on four of six items each."""
SPLIT_TS = 30
Click = tuple[int, int, int]
"""(ts_us, user, item)"""
logs = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5), st.integers(1, 9)), min_size=1, max_size=60)


def drawn_for(clicks: list[Click], per_click: int, seed: int = 7) -> tuple[Drawn, pl.DataFrame]:
    schema = {"row": pl.UInt32, "ts_us": pl.Int64, "user": pl.Int32, "item": pl.Int32, "test": pl.Boolean}
    log = pl.DataFrame([(n, *click, click[0] >= SPLIT_TS) for n, click in enumerate(clicks)], schema=schema, orient="row")
    with TemporaryDirectory() as folder:
        drawn = draw_negatives(engine.from_memory(log), per_click, seed, Path(folder) / "drawn.parquet")
        return drawn, engine.collect(drawn.rows)[0]


@settings(max_examples=80, deadline=None)
@given(logs, st.integers(1, 6))
def test_no_drawn_row_is_an_item_of_its_user_or_one_that_was_not_on_offer(clicks: list[Click], per_click: int) -> None:
    drawn, rows = drawn_for(clicks, per_click)
    by_click: dict[int, list[int]] = {n: [] for n in range(len(clicks))}
    for row, ts, user, item, label, weight, test in rows.iter_rows():
        assert (ts, user, label, weight, test) == (*clicks[row][:2], 0, 1.0, clicks[row][0] >= SPLIT_TS)
        by_click[row].append(item)
    short = 0
    for row, (ts, user, _) in enumerate(clicks):
        known = [click for click in clicks if click[0] < SPLIT_TS or ts >= SPLIT_TS]
        free = {item for item, since in launches(known).items() if since <= ts} - {i for _, u, i in known if u == user}
        assert set(by_click[row]) <= free
        assert len(by_click[row]) == len(set(by_click[row])) == min(per_click, len(free))
        short += len(free) < per_click
    assert (drawn.short, drawn.train + drawn.test) == (short, len(rows))


def launches(known: list[Click]) -> dict[int, int]:
    """The first moment less the mean time between moments, had the item been clicked evenly from its launch to the end."""
    end = max(ts for ts, _, _ in known)
    moments = {item: {ts for ts, _, i in known if i == item} for _, _, item in known}
    return {item: min(of) - (end - min(of)) // len(of) for item, of in moments.items()}


def test_launches_are_not_taken_for_later_or_earlier_than_they_were() -> None:
    """Items come one after another, and each is clicked now and then from its launch on: over all of them the guesses are right."""
    rng = np.random.default_rng(2)
    born = np.sort(rng.integers(0, SPLIT_TS * 1000, 300))
    moments = rng.integers(0, SPLIT_TS * 1000, 3000)
    clicks = [(int(ts), int(rng.integers(1, 500)), 1 + int(rng.integers((born <= ts).sum()))) for ts in np.sort(moments) if (born <= ts).any()]
    schema = {"ts_us": pl.Int64, "user": pl.Int32, "item": pl.Int32}
    taken = dict(launched(pl.DataFrame(clicks, schema=schema, orient="row")).iter_rows())
    late = [taken[n + 1] - when for n, when in enumerate(born) if n + 1 in taken and when < SPLIT_TS * 800]
    assert abs(np.mean(late)) < SPLIT_TS * 20


def test_every_set_of_items_is_equally_likely() -> None:
    sets = np.sort(distinct(np.full(12_000, 4), 2, np.random.default_rng(1)), axis=1)
    _, counts = np.unique(sets, axis=0, return_counts=True)
    assert len(counts) == 6
    assert abs(counts - 2000).max() < 200


def test_each_item_on_offer_is_drawn_as_often_as_any_other_however_popular_it_is() -> None:
    clicks = [(0, 1 + n % 2, 1 if n % 10 else 2 + n // 10) for n in range(100)]
    _, rows = drawn_for([*clicks, *((1, 3, 12) for _ in range(4000))], 1)
    counts = rows.filter(pl.col("user") == 3)["item"].value_counts()["count"].to_numpy()
    assert len(counts) == 11
    assert counts.max() / counts.min() < 1.5


def test_the_same_log_and_seed_draw_the_same_rows_in_whatever_order_the_log_comes() -> None:
    clicks = [(n % 50, 1 + n % 4, 1 + n % 4 + n // 4 % 5) for n in range(200)]
    pairs = ["ts_us", "user", "item"]
    _, first = drawn_for(clicks, 1)
    _, again = drawn_for(clicks[::-1], 1)
    _, other = drawn_for(clicks, 1, seed=8)
    assert first.select(pairs).sort(pairs).equals(again.select(pairs).sort(pairs))
    assert not first.select(pairs).sort(pairs).equals(other.select(pairs).sort(pairs))


def test_drawn_rows_change_no_hotness_no_cut_no_seen_policy_and_no_count(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "check_labels", lambda log, negatives_are_drawn: None)  # clicks alone, without drawing, are refused elsewhere
    monkeypatch.setattr(pipeline, "refuse_clicks_alone", lambda figures, path: None)
    alone = shop.write(CLICKS).run()
    kept = {name: (shop.processed / name).read_bytes() for name in ("item_global_score.csv", "items.parquet", "users.parquet")}
    rows = {side: pl.read_parquet(shop.processed / f"{side}.parquet") for side in ("train", "test")}
    report = shop.run(etl={"sample_negatives": 3})
    assert {name: (shop.processed / name).read_bytes() for name in kept} == kept
    for side, before in rows.items():
        now = pl.read_parquet(shop.processed / f"{side}.parquet")
        assert now.filter(~pl.col("drawn")).equals(before)
        assert set(now.filter("drawn")["label"]) == {0}
    assert (report.train, report.test, report.seen, report.split.test_from_us) == (alone.train, alone.test, alone.seen, alone.split.test_from_us)
    meta = shop.dataset().meta
    assert (meta.sample_negatives, meta.rows["train"], meta.rows["test"]) == (3, alone.train.rows, alone.test.rows)


def test_a_drawn_rows_own_hotness_is_that_of_the_logs_rows_before_it(shop: Shop) -> None:
    shop.write(CLICKS).run(etl={"sample_negatives": 2})
    dataset = shop.dataset()
    real = [side.of_the_log() for side in (dataset.train, dataset.test)]
    ts, item = (np.concatenate([getattr(side, name) for side in real]) for name in ("ts_us", "item"))
    rule = HotnessRule(dataset.meta.half_life_days * 86_400e6, dataset.meta.prior_impressions)
    for side in (dataset.train, dataset.test):
        assert side.drawn.sum() > 5
        for row in np.flatnonzero(side.drawn):
            expected = hotness_at(int(side.ts_us[row]), ts, item, np.ones(len(ts)), len(dataset.items), rule)
            assert side.hotness[row] == pytest.approx(expected[side.item[row]], rel=1e-6)


def test_the_csv_files_hold_the_drawn_rows_too_as_rows_with_label_0(shop: Shop) -> None:
    shop.write(CLICKS).run(etl={"sample_negatives": 2})
    for side in ("train", "test"):
        labels = [int(row["label"]) for row in shop.csv(f"{side}.csv")]
        assert labels == pl.read_parquet(shop.processed / f"{side}.parquet")["label"].to_list()
        assert 0 in labels


def test_what_a_drawn_row_cannot_know_is_empty(shop: Shop) -> None:
    shop.write(["ts,uid,iid,label,position,surface", *(f"{line},{n % 5 + 1},home" for n, line in enumerate(CLICKS))]).run(etl={"sample_negatives": 1})
    train = pl.read_parquet(shop.processed / "train.parquet")
    assert train.filter("drawn").select(pl.col("position", "surface").is_null().all()).row(0) == (True, True)
    assert train.filter(~pl.col("drawn"))["position"].null_count() == 0


def test_another_draw_is_another_test_side(shop: Shop) -> None:
    splits = [shop.write(CLICKS).run(etl={"sample_negatives": n}).split.id for n in (1, 2)]
    splits.append(shop.run(etl={"sample_negatives": 2}, train={"seed": 8}).split.id)
    assert len(set(splits)) == 3
    assert shop.run(etl={"sample_negatives": 2}, train={"seed": 8}).split.id == splits[-1]


def test_a_log_with_0_rows_of_its_own_is_refused_and_nothing_is_written(shop: Shop) -> None:
    shop.write([*CLICKS, "150,u1,i3,0"])
    with pytest.raises(InputError, match=r"shop.dat: 1 of 41 rows have label 0, so no negatives can be drawn. .*Leave the setting out"):
        shop.run(etl={"sample_negatives": 4})
    assert not (shop.processed / "meta.json").exists()


def test_users_who_have_nearly_everything_get_fewer_and_it_is_said(shop: Shop) -> None:
    shop.write([*CLICKS, *(f"{n},u1,i{n % 7},1" for n in range(4000, 4014))], USERS, ITEMS).run(etl={"sample_negatives": 3})
    assert any("clicks got fewer" in line for line in shop.listener.lines)
