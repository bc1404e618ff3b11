"""The demo's shop and its log are what the documentation says they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from homefeed.simulation.making import demo_world, make_world
from homefeed.simulation.raw_ids import raw_ids
from homefeed.simulation.shop_files import write_shop
from homefeed.simulation.traffic import DAY_SECONDS, Log, demo_log
from homefeed.simulation.world import World, WorldSettings

SMALL = WorldSettings(users=400, items=300, lists=4_000)


@pytest.fixture(scope="module")
def world() -> World:
    return demo_world()


@pytest.fixture(scope="module")
def log(world: World) -> Log:
    return demo_log(world, 7)


def test_the_same_seed_gives_the_same_shop_and_another_seed_another() -> None:
    first, same, other = (make_world(SMALL, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.item_ids.tolist() == same.item_ids.tolist()
    assert first.base == same.base
    np.testing.assert_array_equal(first.click_table(np.arange(5), 4), same.click_table(np.arange(5), 4))
    one, again = demo_log(first, 3), demo_log(same, 3)
    for column in ("ts", "user", "item", "label"):
        np.testing.assert_array_equal(getattr(one, column), getattr(again, column))
    assert first.item_ids.tolist() != other.item_ids.tolist()
    assert not np.array_equal(one.item, demo_log(first, 4).item)


def test_the_demo_shop_has_the_size_of_the_original(world: World, log: Log) -> None:
    assert (len(world.user_ids), len(world.item_ids), len(log)) == (10_000, 5_050, 880_000)
    assert set(((log.ts - world.settings.first_ts) // DAY_SECONDS).tolist()) == set(range(10))


def test_about_one_impression_in_ten_is_clicked_and_far_fewer_at_random(world: World, log: Log) -> None:
    assert 0.08 < log.label.mean() < 0.12
    everyday = np.mean([world.click_table(np.arange(0, 10_000, 50), day)[:, world.launched(day)].mean() for day in range(10)])
    assert everyday == pytest.approx(world.settings.random_click_rate, rel=0.1)


def test_clicks_come_as_often_as_the_truth_says(world: World, log: Log) -> None:
    truth = world.click_probability(log.user, log.item, (log.ts - world.settings.first_ts) // DAY_SECONDS)
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 1.0)):
        rows = (truth > low) & (truth <= high)
        assert log.label[rows].mean() == pytest.approx(truth[rows].mean(), rel=0.03)


def test_nothing_is_shown_before_it_launches_and_nobody_can_click_it_then(world: World, log: Log) -> None:
    day = (log.ts - world.settings.first_ts) // DAY_SECONDS
    assert (world.launch_day[log.item] <= day).all()
    assert np.mean(world.launch_day > 0) == pytest.approx(0.2, abs=0.001)
    assert world.launched(10).all()
    late = int(np.argmax(world.launch_day))
    assert world.click_table(np.arange(3), int(world.launch_day[late]) - 1)[:, late].max() == 0


def test_pairs_and_table_tell_the_same_truth(world: World) -> None:
    users, items = np.array([5, 9, 900]), np.array([0, 17, 5_000])
    table = world.click_table(users, 6)[np.arange(3), items]
    np.testing.assert_allclose(world.click_probability(users, items, 6), table, rtol=1e-5)


def test_silent_users_have_tags_but_no_row_and_late_users_only_rows_of_the_last_day(world: World, log: Log) -> None:
    seen = np.unique(log.user)
    assert sorted(seen.tolist()) == np.flatnonzero(world.is_active()).tolist()
    assert len(seen) == 9_500
    assert len(world.user_tags) == 10_000
    first_day = np.full(10_000, 99)
    np.minimum.at(first_day, log.user, (log.ts - world.settings.first_ts) // DAY_SECONDS)
    assert (first_day[seen] == world.arrival_day[seen]).all()
    assert 500 <= (first_day == 9).sum() <= 600


def test_a_list_is_one_user_at_one_second_with_ten_different_items(world: World, log: Log) -> None:
    lists = log.item.reshape(-1, 10)
    assert (np.diff(np.sort(lists, axis=1), axis=1) > 0).all()
    assert (np.diff(log.ts) >= 0).all()
    keys = np.stack([log.user, log.ts]).reshape(2, -1, 10)
    assert (keys == keys[:, :, :1]).all()
    assert len(np.unique(keys[:, :, 0], axis=1).T) == 88_000


def test_some_users_come_far_more_often_and_some_items_are_shown_again(log: Log) -> None:
    per_user = np.bincount(log.user)
    assert np.quantile(per_user[per_user > 0], 0.99) > 5 * np.median(per_user[per_user > 0])
    pairs = len(np.unique(log.user * 2**20 + log.item))
    assert 0.01 < 1 - pairs / len(log) < 0.15


def test_ids_are_distinct_decimals_of_mixed_width_beyond_an_int64(world: World) -> None:
    ids = world.user_ids.tolist()
    assert len(set(ids)) == len(ids)
    assert all(iid.isdecimal() and iid[0] != "0" for iid in ids)
    assert len({len(iid) for iid in ids}) >= 4
    assert any(int(iid) > 2**63 for iid in ids)
    assert len(raw_ids(0, np.random.default_rng(0))) == 0


def test_the_files_parse_back_to_the_same_rows(tmp_path: Path) -> None:
    world = make_world(SMALL, np.random.default_rng(5))
    log = demo_log(world, 5)
    write_shop(tmp_path / "raw", world, log)
    rows = _read(tmp_path / "raw/shop.dat")
    assert [int(row[0]) for row in rows] == log.ts.tolist()
    assert [row[1] for row in rows] == world.user_ids[log.user].tolist()
    assert [row[2] for row in rows] == world.item_ids[log.item].tolist()
    assert [row[3] for row in rows] == [str(int(clicked)) for clicked in log.label]
    users, items = _read(tmp_path / "raw/user_feature.dat"), _read(tmp_path / "raw/item_feature.dat")
    assert ([row[0] for row in users], {len(row) for row in users}) == (world.user_ids.tolist(), {3})
    assert ([row[0] for row in items], {len(row) for row in items}) == (world.item_ids.tolist(), {4})
    assert items[8][2] == world.item_tag_ids[1][world.item_tags[8, 1]]
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["item_feature.dat", "shop.dat", "user_feature.dat"]


def test_another_click_rate_is_met_as_well() -> None:
    world = make_world(replace(SMALL, random_click_rate=0.2), np.random.default_rng(1))
    rate = np.mean([world.click_table(np.arange(400), day)[:, world.launched(day)].mean() for day in range(10)])
    assert rate == pytest.approx(0.2, rel=0.1)


def _read(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
