"""The shop is what docs/simulation.md writes down, and every knob does what it says."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from homefeed.simulation.shop.making import make_shop
from homefeed.simulation.shop.presets import PRESETS, preset
from homefeed.simulation.shop.settings import ShopSettings
from homefeed.simulation.shop.shop import Shop, sigmoid
from homefeed.simulation.shop.truth import expected_rates, truth_of
from homefeed.simulation.shop.visits import visits_of_day

SIZE = {"users": 800, "items": 300, "lists": 4_000, "user_tag_values": (5, 3), "item_tag_values": (6, 20, 5)}


def shop_with(seed: int = 5, **knobs: Any) -> Shop:
    return make_shop(ShopSettings.model_validate(SIZE | knobs), seed)


def test_a_clicks_logit_is_the_sum_of_the_named_terms() -> None:
    shop = shop_with(mood=0.5, mood_memory=0.5, taste_drift=0.4)
    for user, item, day in ((3, 7, 4), (799, 299, 10), (40, 11, 0)):
        after = shop.tag_taste[user] + shop.personal_taste[day, user] + shop.mood[day, user] + shop.fashion[day]
        fresh = shop.freshness[item] * math.exp(-max(day - shop.launch_day[item], 0) / 5.0)
        logit = shop.base + shop.eagerness[user] + sum(after * shop.item_taste[item]) - shop.price_sense[user] * shop.dearness[item]
        logit += shop.quality[item] + fresh + shop.trend[day, item]
        found = shop.click_logit_table(np.array([user]), day)[0, item]
        assert found == (pytest.approx(logit, abs=1e-4) if shop.launch_day[item] <= day else -np.inf)
        pair = shop.match(np.array([user]), np.array([[item]]), day)
        assert shop.click_from_match(pair, np.array([user]), np.array([[item]]), day)[0, 0] == pytest.approx(found, abs=1e-5)
        order = shop.order_base + 0.5 * pair[0, 0] - 0.6 * shop.dearness[item] + shop.conversion[item]
        assert shop.order_from_match(pair, np.array([[item]]))[0, 0] == pytest.approx(order, abs=1e-5)


def test_terms_are_as_strong_as_their_knobs_say() -> None:
    shop = shop_with(users=4_000, items=4_000, mood=0.6, trend=0.7, fashion=0.4)
    users, day = np.arange(4_000), 10
    for taste, strength in ((shop.tag_taste, 0.7), (shop.personal_taste[0], 0.8), (shop.mood[day], 0.6)):
        assert (taste[users] @ shop.item_taste.T).std() == pytest.approx(strength, rel=0.1)
    assert shop.trend[day].std() == pytest.approx(0.7, rel=0.05)
    assert shop.trend[0].any() == shop.fashion[0].any() == False  # noqa: E712 - both walks begin at 0
    assert shop.quality.std() == pytest.approx(math.hypot(0.3, 0.6), rel=0.1)
    assert shop.dearness.std() == pytest.approx(1, rel=1e-3)


def test_a_random_first_place_is_clicked_and_a_click_ordered_as_often_as_the_rates_say() -> None:
    shop = shop_with(click_rate=0.12, order_rate=0.3, position_bias=1.0)
    clicks, orders = [], []
    for day in range(10):
        table = sigmoid(shop.click_logit_table(np.arange(800), day))[:, shop.launched(day)]
        ordered = sigmoid(shop.order_from_match(shop.taste(np.arange(800), day) @ shop.item_taste.T, shop.all_items()[None]))[:, shop.launched(day)]
        clicks.append(table.mean())
        orders.append((table * ordered).sum() / table.sum())
    assert np.mean(clicks) == pytest.approx(0.12, rel=0.05)
    assert np.mean(orders) == pytest.approx(0.3, rel=0.05)


def test_turning_one_knob_leaves_the_other_parts_as_they_were() -> None:
    plain, moody = shop_with(), shop_with(mood=1.0, position_bias=0.7, lists=2_000)
    for name in ("user_ids", "item_ids", "user_tags", "item_tags", "tag_taste", "personal_taste", "item_taste", "quality", "trend", "launch_day", "price"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(moody, name))


def test_the_same_seed_gives_the_same_shop_and_another_seed_another() -> None:
    one, same, other = shop_with(3), shop_with(3), shop_with(4)
    for field in fields(Shop):
        np.testing.assert_equal(getattr(one, field.name), getattr(same, field.name))
    assert not np.array_equal(one.item_taste, other.item_taste)
    assert one.item_ids.tolist() != other.item_ids.tolist()


def test_moods_last_as_long_as_their_memory_says() -> None:
    moods = shop_with(users=5_000, mood=0.9, mood_memory=0.8).mood
    assert np.corrcoef(moods[4].ravel(), moods[5].ravel())[0, 1] == pytest.approx(0.8, abs=0.02)
    assert np.corrcoef(moods[2].ravel(), moods[5].ravel())[0, 1] == pytest.approx(0.8**3, abs=0.02)
    assert moods.std(axis=(1, 2)) == pytest.approx(0.9, rel=0.02)
    forgetful = shop_with(users=5_000, mood=0.9).mood
    assert abs(np.corrcoef(forgetful[4].ravel(), forgetful[5].ravel())[0, 1]) < 0.02


def test_personal_taste_turns_and_stays_as_strong() -> None:
    taste = shop_with(users=5_000, taste_drift=0.36).personal_taste
    assert taste[10].std() == pytest.approx(taste[0].std(), rel=0.02)
    assert np.corrcoef(taste[0].ravel(), taste[10].ravel())[0, 1] == pytest.approx(math.sqrt(1 - 0.36), abs=0.02)
    assert len(shop_with().personal_taste) == 1


def test_silent_users_never_come_late_ones_on_the_last_day_and_everybody_else_once_at_least() -> None:
    shop = shop_with()
    visits = [visits_of_day(shop, day) for day in range(10)]
    came = np.unique(np.concatenate([day.user for day in visits]))
    assert not np.isin(np.flatnonzero(shop.arrival_day == 10), came).any()
    assert (shop.arrival_day == 10).sum() == 40
    for day in visits:
        assert (shop.arrival_day[day.user] <= day.day).all()
        assert np.isin(np.flatnonzero(shop.arrival_day == day.day), day.user).all() or day.day == 0
        assert (np.diff(day.ts) >= 0).all()
        assert len(np.unique(day.user * 2**40 + day.ts)) == len(day)
        assert ((day.ts - shop.settings.first_ts) // 86_400 == day.day).all()
    assert sum(len(day) for day in visits) == 4_000


def test_expected_rates_are_the_mean_over_the_moods_that_may_follow() -> None:
    shop = shop_with(mood=1.2, mood_memory=0.6, order_taste=1.0)
    users, rng = np.arange(3), np.random.default_rng(0)
    lasting = shop.taste(users, 10, mood=False) + 0.6 * shop.mood[9][users]
    drawn = lasting + 1.2 * 0.8 * rng.standard_normal((20_000, 3, 8)).astype(np.float32)
    match = drawn @ shop.item_taste.T
    clicks = sigmoid(shop.click_from_match(match.reshape(-1, 300), np.tile(users, 20_000), shop.all_items()[None], 10)).reshape(match.shape)
    orders = clicks * sigmoid(shop.order_from_match(match, shop.all_items()[None]))
    p_click, p_order = expected_rates(shop, users)
    np.testing.assert_allclose(p_click, clicks.mean(0), rtol=0.08)
    assert np.median(np.abs(p_order * clicks.mean(0) / orders.mean(0) - 1)) < 0.02
    assert p_click.mean() == pytest.approx(clicks.mean(), rel=5e-3)


def test_without_moods_expected_rates_are_the_rates_of_the_day() -> None:
    shop = shop_with()
    np.testing.assert_allclose(expected_rates(shop, np.arange(9))[0], sigmoid(shop.click_logit_table(np.arange(9), 10)), rtol=1e-5)


def test_the_truth_names_its_users_groups_and_the_best_list_for_everybody() -> None:
    shop = shop_with()
    truth = truth_of(shop, active=60, silent=20)
    row = {uid: n for n, uid in enumerate(shop.user_ids.tolist())}
    arrival = shop.arrival_day[[row[uid] for uid in truth.uid.tolist()]]
    assert truth.group.tolist() == ["active"] * 60 + ["silent"] * 20
    assert (arrival[:60] < 10).all()
    assert (arrival[60:] == 10).all()
    assert truth.p_click.shape == truth.p_order.shape == (80, 300)
    assert truth.p_click.dtype == np.float32
    assert (truth.p_click > 0).all()
    everybody = expected_rates(shop, np.arange(800))[0].mean(0)
    assert truth.best_static.tolist() == shop.item_ids[np.argsort(-everybody)[:10]].tolist()


def test_every_preset_is_a_shop_and_turns_what_its_name_says() -> None:
    assert list(PRESETS) == ["base", "sparse", "drift", "position-bias", "session-taste", "personal-taste"]
    base = preset("base").shop
    assert preset("sparse").shop.lists * 6 < base.lists
    assert preset("drift").shop.trend > 2 * base.trend
    assert preset("position-bias").shop.position_bias > 0 == base.position_bias
    assert preset("session-taste").shop.mood > 0 == base.mood
    assert preset("personal-taste").shop.personal_taste > base.personal_taste
