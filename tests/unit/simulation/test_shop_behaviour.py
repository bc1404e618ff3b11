"""Visitors do what the truth says, whoever shows them the items."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from homefeed.simulation.loop.policy import RandomPolicy
from homefeed.simulation.shop.behaviour import Response, respond
from homefeed.simulation.shop.dice import Stream, uniforms
from homefeed.simulation.shop.making import make_shop
from homefeed.simulation.shop.settings import ShopSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.visits import Visits, visits_of_day
from homefeed.simulation.world import Ints

SIZE = {"users": 1_000, "items": 200, "lists": 160_000, "days": 4, "click_rate": 0.15, "user_tag_values": (5, 3), "item_tag_values": (6, 20, 5)}


def random_day(day: int = 1, **knobs: Any) -> tuple[Shop, Visits, Ints, Response]:
    """40,000 random lists, and what came of them."""
    shop = make_shop(ShopSettings.model_validate(SIZE | knobs), 5)
    visits = visits_of_day(shop, day)
    shown = RandomPolicy(shop).show(visits)
    return shop, visits, shown, respond(shop, visits, shown)


@pytest.mark.parametrize("bias", [0.0, 0.8])
def test_clicks_on_random_lists_fall_by_place_as_planted(bias: float) -> None:
    _, _, _, response = random_day(position_bias=bias)
    by_place = response.click.mean(0)
    np.testing.assert_allclose(by_place, by_place[0] * np.arange(1, 11) ** -bias, rtol=0.08)


def test_clicks_and_orders_come_as_often_as_the_truth_says() -> None:
    _, _, _, response = random_day(position_bias=0.5, mood=0.5)
    for truth, happened in ((response.p_click, response.click), (response.p_order[response.click], response.order[response.click])):
        for low, high in pairwise(np.quantile(truth, np.linspace(0, 1, 11))):
            rows = (truth >= low) & (truth <= high)
            sure = np.sqrt(truth[rows].mean() / rows.sum())
            assert abs(happened[rows].mean() - truth[rows].mean()) < 4 * sure
    assert not (response.order & ~response.click).any()


def test_the_same_item_in_the_same_visit_gets_the_same_answer_wherever_it_stands() -> None:
    shop, visits, shown, response = random_day()
    turned = respond(shop, visits, shown[:, ::-1])
    np.testing.assert_array_equal(turned.click, response.click[:, ::-1])
    np.testing.assert_array_equal(turned.order, response.order[:, ::-1])
    other = shown.copy()
    other[:, 3] = (other[:, 3] + 1) % 160
    again = respond(shop, visits, other)
    np.testing.assert_array_equal(np.delete(again.click, 3, axis=1), np.delete(response.click, 3, axis=1))


def test_with_position_bias_the_same_item_in_the_same_place_gets_the_same_answer() -> None:
    shop, visits, shown, response = random_day(position_bias=1.0)
    other = shown.copy()
    other[:, 0] = (other[:, 0] + 1) % 160
    np.testing.assert_array_equal(respond(shop, visits, other).click[:, 1:], response.click[:, 1:])


def test_clicks_of_one_session_go_together_where_there_are_moods() -> None:
    """Pairs of items in one list that fit each other by taste are clicked together more often than chance, beyond what lasting taste explains."""

    def together(**knobs: Any) -> float:
        shop, visits, shown, response = random_day(tag_taste=0.0, personal_taste=0.0, eagerness=0.0, **knobs)
        lasting = shop.click_from_match(0 * shown, visits.user, shown, 1)
        left = response.click - 1 / (1 + np.exp(-lasting))
        alike = np.einsum("vr,vr->v", shop.item_taste[shown[:, 0]], shop.item_taste[shown[:, 1]])
        return float(np.corrcoef(left[:, 0] * left[:, 1], alike)[0, 1])

    assert together(mood=1.5) > 0.03
    assert abs(together(mood=0.0)) < 0.02


def test_random_lists_hold_launched_items_alone_each_once_and_all_alike() -> None:
    shop, _, shown, _ = random_day(day=1, launching_share=0.5)
    assert shop.launched(1)[shown].all()
    assert (np.diff(np.sort(shown, axis=1), axis=1) > 0).all()
    times = np.bincount(shown.ravel(), minlength=200)[shop.launched(1)]
    assert np.abs(times - times.mean()).max() < 5 * np.sqrt(times.mean())


def test_dice_are_even_and_of_their_keys_alone() -> None:
    visits, items = np.arange(500)[:, None], np.arange(400)[None]
    dice = uniforms(7, Stream.CLICK, visits, items)
    assert np.histogram(dice, 20, (0, 1))[0] == pytest.approx(10_000, rel=0.06)
    assert abs(np.corrcoef(dice[:, 0], dice[:, 1])[0, 1]) < 0.15
    assert abs(np.corrcoef(dice.ravel()[:-1], dice.ravel()[1:])[0, 1]) < 0.01
    np.testing.assert_array_equal(uniforms(7, Stream.CLICK, visits[30:40], items[:, 5:]), dice[30:40, 5:])
    square = dice[:400]
    for other in (uniforms(8, Stream.CLICK, visits, items)[:400], uniforms(7, Stream.ORDER, visits, items)[:400], np.roll(square.T, 1, axis=0)):
        assert abs(np.corrcoef(other.ravel(), square.ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(square[np.triu_indices(400, 1)], square.T[np.triu_indices(400, 1)])[0, 1]) < 0.02
