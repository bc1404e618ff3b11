"""Policies play before the same visitors, learn from their own past alone, and the figures say what happened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from homefeed.core.progress import Progress, Silent
from homefeed.simulation.loop.exposure import exposure_of, new_items_of
from homefeed.simulation.loop.figures import figures_of
from homefeed.simulation.loop.original import OriginalPolicy
from homefeed.simulation.loop.policy import BestPolicy, HotPolicy, Policy, RandomPolicy
from homefeed.simulation.loop.report import LoopReport, PolicyFigures
from homefeed.simulation.loop.run import Played, for_loop, play
from homefeed.simulation.shop.day_log import DayLog
from homefeed.simulation.shop.making import make_shop
from homefeed.simulation.shop.settings import SimulationSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.visits import Visits
from homefeed.simulation.world import Ints

SIZE = {"users": 500, "items": 120, "lists": 10_000, "user_tag_values": (4, 2), "item_tag_values": (5, 12, 4), "list_size": 5}
DAYS = 4


def settings_of(**knobs: Any) -> SimulationSettings:
    return for_loop(SimulationSettings.model_validate({"shop": SIZE | knobs}), DAYS)


@pytest.fixture(scope="module")
def settings() -> SimulationSettings:
    return settings_of(mood=0.4)


@pytest.fixture(scope="module")
def shop(settings: SimulationSettings) -> Shop:
    return make_shop(settings.shop, 3)


@pytest.fixture(scope="module")
def played(shop: Shop, settings: SimulationSettings) -> dict[str, Played]:
    policies: dict[str, Policy] = {
        "random": RandomPolicy(shop),
        "hot": HotPolicy(shop, settings.loop),
        "original": OriginalPolicy(shop, settings.loop),
        "best": BestPolicy(shop),
    }
    return play(shop, settings, policies, Silent())


@pytest.fixture(scope="module")
def figures(shop: Shop, settings: SimulationSettings, played: dict[str, Played]) -> dict[str, PolicyFigures]:
    return figures_of(shop, settings.loop, played, np.random.default_rng(0))


def test_the_shop_of_a_loop_has_the_same_traffic_for_warm_up_and_days(settings: SimulationSettings) -> None:
    assert (settings.shop.days, settings.shop.lists) == (2 + DAYS, 6_000)


def test_all_policies_meet_the_same_visitors_after_the_warm_up(played: dict[str, Played]) -> None:
    for days in zip(*(one.days for one in played.values()), strict=True):
        for other in days[1:]:
            np.testing.assert_array_equal(other.visits.user, days[0].visits.user)
            np.testing.assert_array_equal(other.visits.ts, days[0].visits.ts)
    assert [log.visits.day for log in played["hot"].days] == [2, 3, 4, 5]


def test_an_item_that_two_policies_show_in_the_same_visit_is_clicked_in_both_or_in_none(played: dict[str, Played]) -> None:
    shared = 0
    for ours, theirs in zip(played["hot"].days, played["best"].days, strict=True):
        same = ours.shown[:, :, None] == theirs.shown[:, None, :]
        visit, place, other = np.nonzero(same)
        np.testing.assert_array_equal(ours.response.click[visit, place], theirs.response.click[visit, other])
        shared += len(visit)
    assert shared > 100


def test_no_policy_shows_what_is_not_launched_or_one_item_twice(shop: Shop, played: dict[str, Played]) -> None:
    for one in played.values():
        for log in one.days:
            assert shop.launched(log.visits.day)[log.shown].all()
            assert (np.diff(np.sort(log.shown, axis=1), axis=1) > 0).all()


def test_best_is_above_what_learns_and_that_above_random(figures: dict[str, PolicyFigures]) -> None:
    for name in ("hot", "original"):
        assert 0.03 < figures[name].closed.low < figures[name].closed.high < 0.9
        assert figures[name].ahead["random"].low > 0 > figures[name].ahead["best"].high
        assert 0 < figures[name].regret < figures["random"].regret
    assert figures["random"].closed.mean == figures["best"].regret == 0
    assert figures["best"].closed.mean == 1


def test_no_list_for_a_visitor_is_truer_than_the_best_one(shop: Shop, played: dict[str, Played]) -> None:
    for name, one in played.items():
        for log, best in zip(one.days, played["best"].days, strict=True):
            assert (log.response.p_click.sum(1) <= best.response.p_click.sum(1) + 1e-6).all(), name


def test_counted_and_expected_rates_agree(figures: dict[str, PolicyFigures]) -> None:
    for one in figures.values():
        assert one.ctr.low - 0.01 < one.true_ctr.mean < one.ctr.high + 0.01
        for day in one.days:
            assert day.ctr.mean == day.clicks / day.impressions
            assert day.cvr.mean == day.orders / day.clicks
            assert day.ctr.low < day.ctr.mean < day.ctr.high
    assert sum(day.clicks for day in figures["hot"].days) / 20_000 == pytest.approx(figures["hot"].ctr.mean)


def test_regret_adds_up_from_day_to_day(played: dict[str, Played], figures: dict[str, PolicyFigures]) -> None:
    behind = [best.response.p_click.sum() - hot.response.p_click.sum() for best, hot in zip(played["best"].days, played["hot"].days, strict=True)]
    assert [day.regret for day in figures["hot"].days] == pytest.approx(np.cumsum(behind).tolist())
    assert figures["hot"].regret == pytest.approx(sum(behind))


def test_the_same_seed_plays_the_same_game(shop: Shop, settings: SimulationSettings, played: dict[str, Played]) -> None:
    again = play(make_shop(settings.shop, 3), settings, {"random": RandomPolicy(shop), "original": OriginalPolicy(shop, settings.loop)}, Silent())
    for name, one in again.items():
        for log, before in zip(one.days, played[name].days, strict=True):
            np.testing.assert_array_equal(log.shown, before.shown)
            np.testing.assert_array_equal(log.response.click, before.response.click)


def test_a_policy_learns_from_the_shared_warm_up_and_its_own_days(shop: Shop, settings: SimulationSettings) -> None:
    class Watching(RandomPolicy):
        def __init__(self) -> None:
            super().__init__(shop)
            self.past: list[list[DayLog]] = []

        def learn(self, day: int, past: Sequence[DayLog], progress: Progress) -> None:
            self.past.append(list(past))

    one, other = Watching(), Watching()
    played = play(shop, settings, {"one": one, "other": other}, Silent())
    assert [len(past) for past in one.past] == [2, 3, 4, 5]
    assert one.past[-1][:2] == other.past[-1][:2]
    assert one.past[-1][2:] == list(played["one"].days[:-1])
    assert not np.isnan(one.past[0][0].propensity).any()


def test_the_hot_list_is_what_is_clicked_most_of_what_was_shown(shop: Shop, settings: SimulationSettings) -> None:
    """Everybody sees items 0 to 9 equally often and clicks 3, 5, 6, 8 and 9 alone."""
    visits = Visits(0, np.arange(100), np.zeros(100, np.int64), np.arange(100))
    shown = np.stack([np.arange(5) + 5 * (n % 2) for n in range(100)])
    clicked = np.isin(shown, [3, 5, 6, 8, 9])
    response = replace(play(shop, settings, {"r": RandomPolicy(shop)}, Silent())["r"].days[0].response, click=clicked)
    shop = replace(shop, launch_day=np.zeros(120, np.int64))
    policy = HotPolicy(shop, settings.loop)
    policy.learn(1, [DayLog(visits, shown, np.full(shown.shape, np.nan), response)], Silent())
    assert sorted(policy.show(visits)[0].tolist()) == [3, 5, 6, 8, 9]
    assert (policy.show(visits) == policy.show(visits)[0]).all()


def log_of(played: dict[str, Played], day: int, shown: Ints) -> DayLog:
    log = played["random"].days[0]
    response = replace(log.response, click=np.ones(shown.shape, np.bool_), p_click=np.full(shown.shape, 0.25))
    return DayLog(replace(log.visits, day=day), shown, np.full(shown.shape, np.nan), response)


def test_exposure_of_a_known_case(shop: Shop, played: dict[str, Played]) -> None:
    """Four items, shown 0, 1, 1 and 2 times."""
    four = replace(shop, item_ids=shop.item_ids[:4], launch_day=np.zeros(4, np.int64))
    exposure = exposure_of(four, [log_of(played, 2, np.array([[1, 2], [3, 3]]))])
    assert exposure.gini == pytest.approx(0.375)
    assert exposure.coverage == 0.75
    assert exposure.top_share == 0.5
    assert exposure.lorenz[0] == 0
    assert exposure.lorenz[10] == pytest.approx(0.25)
    assert exposure.lorenz[-1] == 1


def test_what_new_items_get_of_a_known_case(shop: Shop, played: dict[str, Played]) -> None:
    """Of four items one launches on day 2 and one on day 4: with two new days, item 2 is new on days 2 and 3, item 3 not yet there."""
    four = replace(shop, item_ids=shop.item_ids[:4], launch_day=np.array([-9, 0, 2, 4]))
    days = [log_of(played, 2, np.array([[0, 2], [1, 2]])), log_of(played, 3, np.array([[0, 1], [1, 2]])), log_of(played, 4, np.array([[0, 2], [1, 2]]))]
    found = new_items_of(four, days, new_days=2)
    assert found.impressions == 3
    assert found.share == 3 / 12
    assert found.catalogue_share == pytest.approx((1 / 3 + 1 / 3 + 1 / 4) / 3)
    assert found.ctr == 1
    assert found.true_ctr == 0.25
    assert found.shown == 0.5


def test_the_report_is_json_of_finite_numbers(settings: SimulationSettings, figures: dict[str, PolicyFigures]) -> None:
    report = LoopReport("base", 3, 500, 120, 20_000, figures, settings.model_dump())
    read = json.loads(report.to_json())
    assert read["policies"]["hot"]["days"][0]["ctr"]["mean"] == figures["hot"].days[0].ctr.mean
    assert read["settings"]["shop"]["mood"] == 0.4
