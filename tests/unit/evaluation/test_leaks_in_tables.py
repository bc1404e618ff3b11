"""Leaks planted in the tables: each is named, and the clean shop has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from leaky_shop import only, rows_of
from planted_dataset import dataset as by_hand
from processed_shop import processed_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.leaks.learned import look_at_item_facts
from homefeed.evaluation.leaks.point_in_time import hotness_of_rows, look_at_hotness
from homefeed.evaluation.leaks.sides import look_at_sides
from homefeed.features.hotness import MICROSECONDS_PER_DAY, HotnessRule, hotness_at

SETTINGS = {"global": {}, "per-user": {"etl": {"split": "per-user"}}, "short memory": {"hotness": {"half_life_days": 0.01}}}


@pytest.fixture(scope="module", params=[*SETTINGS, "drawn negatives"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    folder = tmp_path_factory.mktemp("data")
    if request.param == "drawn negatives":
        return processed_shop(folder, clicks_alone=True, etl={"sample_negatives": 2})
    return processed_shop(folder, **SETTINGS[request.param])


def rule_of(shop: ProcessedDataset) -> HotnessRule:
    return HotnessRule(shop.meta.half_life_days * MICROSECONDS_PER_DAY, shop.meta.prior_impressions)


def test_a_clean_shop_has_no_leak_in_its_tables(shop: ProcessedDataset) -> None:
    looks = [look_at_sides(shop), look_at_hotness(shop), look_at_item_facts(shop)]
    assert [(look.leaks, look.left_out) for look in looks] == [((), "")] * 3


def test_hotness_that_counts_the_row_itself_is_named(shop: ProcessedDataset) -> None:
    rows, rule = rows_of(shop).of_the_log(), rule_of(shop)
    clicks = (rows.label * rows.weight).astype(np.float64)
    train = shop.train
    with_own = [hotness_at(int(ts) + 1, rows.ts_us, rows.item.astype(np.intp), clicks, len(shop.items), rule)[item] for ts, item in _pairs(train)]
    leak = only(look_at_hotness(replace(shop, train=replace(train, hotness=np.array(with_own, np.float32)))))
    assert "its own label" in leak.what
    assert leak.count > 0.9 * (~train.drawn).sum()


def test_hotness_of_the_end_of_the_log_is_named(shop: ProcessedDataset) -> None:
    test = replace(shop.test, hotness=shop.facts.hotness_end[shop.test.item])
    leak = only(look_at_hotness(replace(shop, test=test)))
    assert leak.where == "hotness in train.parquet and test.parquet"
    assert "homefeed etl" in leak.next_step
    assert 0.9 * len(test) < leak.count <= len(test)


def test_one_wrong_row_is_found_and_shown(shop: ProcessedDataset) -> None:
    hotness = shop.train.hotness.copy()
    hotness[7] *= 1.01
    leak = only(look_at_hotness(replace(shop, train=replace(shop.train, hotness=hotness))))
    assert leak.count == 1
    assert f"uid {shop.users.ids[shop.train.user[7]]}, iid {shop.items.ids[shop.train.item[7]]}" in leak.example


def test_hotness_by_hand_of_rows_that_share_a_moment() -> None:
    """Half-life 10: at 10 the rows of moment 0 count a half; the two rows of moment 10 do not know each other."""
    rows = Interactions(
        np.array([0, 0, 10, 10], np.int64), np.ones(4, np.int32), np.array([1, 2, 1, 1], np.int32), np.array([1, 0, 1, 0], np.float32),
        np.ones(4, np.float32), np.zeros(4, np.float32), np.zeros(4, np.bool_),
    )  # fmt: skip
    # item 1 at 10: I = C = 0.5, all I = 1, all C = 0.5: p = 0.5, ctr = (0.5 + 1 * 0.5) / (0.5 + 1) = 2 / 3, lift 4 / 3, share 0.5 * 2 / 1 = 1
    expected = 4 / 3 * (1 + np.log(2)) / 2
    assert hotness_of_rows(rows, 10.0, 1.0, own_moment=False) == pytest.approx([0.5, 0.5, expected, expected])


def test_hotness_at_the_split_that_knows_the_test_side_is_named(shop: ProcessedDataset) -> None:
    leak = only(look_at_item_facts(replace(shop, facts=replace(shop.facts, hotness_split=shop.facts.hotness_end))))
    assert "hotness_split" in leak.what
    assert "train and test rows together" in leak.what


def test_clicks_at_the_split_that_count_the_test_side_are_named(shop: ProcessedDataset) -> None:
    rows = rows_of(shop).of_the_log()
    clicks = np.bincount(rows.item[rows.label > 0], minlength=len(shop.items))
    leak = only(look_at_item_facts(replace(shop, facts=replace(shop.facts, clicks_split=clicks))))
    assert "clicks_split" in leak.what
    assert leak.count == int((clicks != shop.facts.clicks_split).sum())


def test_a_row_on_both_sides_is_named_with_its_ids(shop: ProcessedDataset) -> None:
    copied = shop.test.of_the_log().take(np.arange(3))
    look = look_at_sides(replace(shop, train=Interactions.concatenate([shop.train, copied])))
    twice, late = look.leaks
    assert (twice.count, late.count) == (3, 3)
    assert "same user, item and ts" in twice.what
    assert f"uid {shop.users.ids[copied.user[0]]}" in twice.example


def test_train_rows_after_the_split_are_named_where_no_row_is_twice() -> None:
    shop = by_hand(2, 2, [(1, 1, 1), (2, 2, 0)], [(1, 2, 1)])
    later = replace(shop.train, ts_us=np.array([1, 5], np.int64))
    shop = replace(shop, train=later, test=replace(shop.test, ts_us=np.array([3], np.int64)))
    leak = only(look_at_sides(shop))
    assert (leak.count, "not earlier than the first test row" in leak.what) == (1, True)
    of_its_own_user = replace(shop, meta=replace(shop.meta, split=replace(shop.meta.split, kind="per-user")))
    assert look_at_sides(of_its_own_user).leaks == ()  # user 2 has no test row


def _pairs(rows: Interactions) -> list[tuple[int, int]]:
    return list(zip(rows.ts_us.tolist(), rows.item.tolist(), strict=True))
