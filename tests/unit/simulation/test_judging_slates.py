"""The judge puts slates where the truth says they belong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from homefeed.simulation.judge import GroupRates, TrueRates, sample_uids, true_rates
from homefeed.simulation.making import demo_world
from homefeed.simulation.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return demo_world()


@pytest.fixture(scope="module")
def single(world: World) -> list[str]:
    """The list that would be best if everybody had to get the same one, by the truth of the day after the log."""
    total = np.zeros(len(world.item_ids))
    for users in np.array_split(np.arange(len(world.user_ids)), 20):
        total += world.click_table(users, world.settings.days).sum(0)
    best: list[str] = world.item_ids[np.argsort(-total)[:10]].tolist()
    return best


@pytest.fixture(scope="module")
def uids(world: World) -> tuple[str, ...]:
    return sample_uids(world, 300, 100, np.random.default_rng(0))


def test_random_is_below_the_best_single_list_and_that_below_the_best_slates(world: World, single: list[str], uids: tuple[str, ...]) -> None:
    for group in _groups(true_rates(world, dict.fromkeys(uids, single), single)):
        assert group.random < group.hot == group.ours < group.best
        assert 0.38 < group.closed < 0.5
        assert group.closed == group.hot_closed
        assert group.closed_interval[0] < group.closed < group.closed_interval[1]


def test_the_best_slates_close_the_whole_gap_and_random_ones_nothing(world: World, uids: tuple[str, ...]) -> None:
    row_of = {uid: row for row, uid in enumerate(world.user_ids.tolist())}
    table = world.click_table(np.array([row_of[uid] for uid in uids]), 10)
    best = {uid: world.item_ids[np.argsort(-rates)[:10]].tolist() for uid, rates in zip(uids, table, strict=True)}
    for group in _groups(true_rates(world, best, world.item_ids[:10].tolist())):
        assert group.closed == pytest.approx(1)
        assert group.closed_interval == pytest.approx((1, 1))
    rng = np.random.default_rng(1)
    anything = {uid: rng.permutation(world.item_ids)[:10].tolist() for uid in uids}
    for group in _groups(true_rates(world, anything, best[uids[0]])):
        assert abs(group.closed) < 0.02


def test_missing_foreign_and_repeated_items_earn_nothing(world: World, single: list[str], uids: tuple[str, ...]) -> None:
    whole = true_rates(world, {uids[0]: single}, single).active
    spoilt = true_rates(world, {uids[0]: [*single[:5], single[0], "a stranger"]}, single).active
    half = true_rates(world, {uids[0]: single[:5]}, single).active
    empty = true_rates(world, {uids[0]: []}, single).active
    assert whole is not None
    assert spoilt is not None
    assert half is not None
    assert empty is not None
    assert empty.ours == 0 < half.ours == spoilt.ours < whole.ours


def test_groups_are_judged_apart_and_an_absent_one_is_none(world: World, single: list[str], uids: tuple[str, ...]) -> None:
    both = true_rates(world, dict.fromkeys(uids, single), single)
    assert both.active is not None
    assert both.by_tags_alone is not None
    assert (both.active.users, both.by_tags_alone.users) == (300, 100)
    alone = true_rates(world, dict.fromkeys(uids[:300], single), single)
    assert alone.by_tags_alone is None
    assert alone.active is not None
    assert alone.active.ours == pytest.approx(both.active.ours)
    assert true_rates(world, {}, single) == TrueRates(None, None)


def _groups(rates: TrueRates) -> Iterator[GroupRates]:
    assert rates.active is not None
    assert rates.by_tags_alone is not None
    yield from (rates.active, rates.by_tags_alone)
