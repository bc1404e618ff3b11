"""Orders that are still to come: the delay is found from clicks of all ages, and where nothing speaks of one there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hand_shop import HOUR_US, Row, hand_shop, log_rows

from homefeed.artifacts.processed import Interactions
from homefeed.training.orders.delay import Delay, age_hours, fit_delay


def observed(hours: float, *, n: int = 20_000, rate: float = 0.1, span: float = 240.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Ages of clicks, and whether their orders are known by now."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(0, span, n)
    known = rng.exponential(hours, n) < age if hours else np.ones(n, np.bool_)
    return age, ((rng.random(n) < rate) & known).astype(np.float32)


@pytest.mark.parametrize("hours", [4.0, 12.0, 30.0])
def test_a_planted_delay_is_found(hours: float) -> None:
    assert fit_delay(*observed(hours)).hours == pytest.approx(hours, rel=0.35)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_orders_that_come_at_once_have_no_delay_that_matters(seed: int) -> None:
    delay = fit_delay(*observed(0.0, seed=seed))
    assert delay.known(np.array([24.0]))[0] > 0.97


def test_a_few_orders_tell_of_no_delay() -> None:
    age = np.arange(1.0, 101.0)
    ordered = np.isin(age, [30, 50, 70, 90]).astype(np.float32)
    assert fit_delay(age, ordered) == Delay()


@pytest.mark.parametrize(("age", "ordered"), [([], []), ([5.0], [1.0]), ([5.0, 5.0], [1.0, 0.0]), ([1.0, 9.0], [0.0, 0.0])])
def test_what_cannot_tell_anything_is_no_delay(age: list[float], ordered: list[float]) -> None:
    assert fit_delay(np.array(age), np.array(ordered, np.float32)) == Delay()


def test_the_known_share_is_that_of_an_exponential() -> None:
    assert Delay(6.0).known(np.array([0.0, 6.0, 1e9, -1.0])) == pytest.approx([0, 1 - np.exp(-1), 1, 0])
    assert Delay().known(np.array([0.0])) == 1


TRAIN: list[Row] = [(1, 1, 1, 0), (2, 1, 1, 8), (1, 2, 1, 9)]
TEST: list[Row] = [(1, 1, 1, 10), (1, 2, 1, 16)]


def test_orders_of_train_rows_are_known_up_to_the_split_and_those_of_test_rows_up_to_the_logs_end() -> None:
    shop = hand_shop(2, 2, TRAIN, TEST)
    shop = replace(shop, meta=replace(shop.meta, split=replace(shop.meta.split, test_from_us=10 * HOUR_US)))
    assert age_hours(shop, log_rows(TRAIN)) == pytest.approx([10, 2, 1])
    assert age_hours(shop, Interactions.concatenate([log_rows(TRAIN), log_rows(TEST)])) == pytest.approx([10, 2, 1, 6, 0])


def test_under_a_split_per_user_it_is_the_users_own_first_test_row() -> None:
    shop = hand_shop(2, 2, TRAIN, TEST, split="per-user")
    shop = replace(shop, meta=replace(shop.meta, split=replace(shop.meta.split, test_from_us=0)))
    assert age_hours(shop, log_rows(TRAIN)) == pytest.approx([10, 8, 1]), "user 2 has no test row: the log's end"
