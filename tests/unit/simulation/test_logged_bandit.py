"""A log with propensities says truly how likely each item was, and its other policy is worth what the truth says."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from homefeed.simulation.policies import BanditLog, logged_bandit
from homefeed.simulation.shop.settings import LoggingSettings, ShopSettings

SMALL = ShopSettings(
    users=60, items=12, days=1, lists=40_000, list_size=3, user_tag_values=(2, 1), item_tag_values=(3, 4, 2), launching_share=0, click_rate=0.1
)


@pytest.fixture(scope="module")
def log() -> BanditLog:
    return logged_bandit(SMALL, seed=3)


def test_an_item_stands_in_a_place_as_often_as_its_propensity_says(log: BanditLog) -> None:
    for context, table in enumerate(log.logging_table):
        rows = log.context == context
        lists = rows.sum() / 3
        shown = np.zeros_like(table)
        np.add.at(shown, (log.position[rows] - 1, log.item[rows]), 1)
        deviation = np.sqrt(table * (1 - table) / lists)
        assert (np.abs(shown / lists - table) < 4.5 * deviation).all()


def test_propensities_of_a_place_sum_to_one_and_no_item_is_impossible(log: BanditLog) -> None:
    for table in (log.logging_table, log.target_table):
        np.testing.assert_allclose(table.sum(2), 1, rtol=1e-9)
        assert table.min() > 0
        assert table.sum(1).max() <= 1 + 1e-9
    np.testing.assert_allclose(log.logging_table[log.context, log.position - 1, log.item], log.propensity)
    np.testing.assert_allclose(log.target_table[log.context, log.position - 1, log.item], log.target_propensity)


def test_no_item_stands_twice_in_a_list(log: BanditLog) -> None:
    lists = log.item.reshape(-1, 3)
    assert (np.diff(np.sort(lists, axis=1), axis=1) > 0).all()
    assert (log.position.reshape(-1, 3) == [1, 2, 3]).all()
    assert (log.visit.reshape(-1, 3) == log.visit.reshape(-1, 3)[:, :1]).all()


def test_weighing_by_propensities_finds_the_true_value_of_the_other_policy(log: BanditLog) -> None:
    earned = log.click * log.target_propensity / log.propensity
    assert abs(earned.mean() - log.target_value) < 3 * earned.std() / np.sqrt(len(earned))
    assert abs(log.click.mean() - log.logging_value) < 3 * log.click.std() / np.sqrt(len(earned))
    assert log.target_value > 1.1 * log.logging_value


def test_a_policy_is_worth_the_same_as_itself() -> None:
    settings = LoggingSettings(exploration=0.4)
    log = logged_bandit(SMALL.model_copy(update={"lists": 500}), seed=3, logging=settings, target=settings)
    assert log.target_value == log.logging_value
    np.testing.assert_array_equal(log.target_propensity, log.propensity)


def test_position_bias_lowers_the_value_as_the_looks_do() -> None:
    """Without preferences an item is as good in every place, so that only the looks 1, 1/2, 1/3 count."""
    plain, biased = (
        logged_bandit(SMALL.model_copy(update={"lists": 3_000, "position_bias": bias}), seed=3, logging=LoggingSettings(exploration=1.0)) for bias in (0.0, 1.0)
    )
    assert biased.logging_value == pytest.approx(plain.logging_value * (1 + 1 / 2 + 1 / 3) / 3, rel=1e-6)


def test_the_same_seed_gives_the_same_log_and_another_seed_another(log: BanditLog) -> None:
    again, other = logged_bandit(SMALL, seed=3), logged_bandit(SMALL, seed=4)
    for field in fields(BanditLog):
        np.testing.assert_array_equal(getattr(log, field.name), getattr(again, field.name))
    assert not np.array_equal(log.item, other.item)
