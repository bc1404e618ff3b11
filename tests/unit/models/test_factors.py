"""The factor model's arithmetic on tables written by hand, and what a checkpoint may say of the mix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from homefeed.features.encoder import EncodedTable
from homefeed.models.factors import Factors, no_factors
from homefeed.models.mix import Mix

BIAS, TASTE = [1.0, 2.0, 4.0, 8.0, 16.0, 0.0], [1.0, -1.0, 2.0, 0.5, 3.0, 0.0]
HAND = Factors(np.column_stack([BIAS, TASTE]).astype(np.float32), np.array([[0.5, 1.0], [0.25, 2.0], [10.0, 0.0]], np.float32), np.array([-3, 0.5], np.float32))
"""Rows 0 to 4 of a table and the padding row 5; one taste; a number of users and two of items."""


def table(fields: list[list[int]], bags: list[list[list[int]]], dense: list[list[float]]) -> EncodedTable:
    return EncodedTable(np.array(fields, np.int32), tuple(np.array(bag, np.int32) for bag in bags), np.array(dense, np.float32))


def test_an_entity_is_the_sum_of_its_fields_its_bags_means_and_its_numbers() -> None:
    users = table([[0, 1], [2, 2]], [[[3, 4], [3, 5]]], [[2.0], [0.0]])
    assert HAND.of_users(users).tolist() == [[1 + 2 + 12 + 1, 1 - 1 + 1.75 + 2], [4 + 4 + 8, 2 + 2 + 0.5]]


def test_the_numbers_of_items_stand_behind_those_of_users() -> None:
    items = table([[4]], [], [[4.0, 1.0]])
    assert HAND.of_items(items).tolist() == [[16 + 1 + 10, 3 + 8]]


def test_a_logit_is_both_biases_the_tastes_product_hotness_and_what_is_everybodys() -> None:
    users, items = np.array([[1.0, 2, 3]], np.float32), np.array([[0.5, -1, 4]], np.float32)
    assert HAND.logits(users, items, np.array([2.0], np.float32)).tolist() == [1 + 0.5 + (-2 + 12) - 3 + 0.5 * 2]


def test_factors_come_back_from_a_models_arrays_and_none_of_them_may_lack() -> None:
    again = Factors.of(HAND.arrays() | {"embedding": np.zeros((6, 2), np.float32)})
    assert all(np.array_equal(getattr(again, name), getattr(HAND, name)) for name in ("values", "numbers", "bias"))
    for name in HAND.arrays():
        with pytest.raises(KeyError, match=name):
            Factors.of({n: array for n, array in HAND.arrays().items() if n != name})


def test_no_factors_say_0_of_everybody() -> None:
    nothing = no_factors(6, 3)
    users, items = nothing.of_users(table([[0]], [[[3, 4]]], [[2.0]])), nothing.of_items(table([[4]], [], [[4.0, 1.0]]))
    assert nothing.logits(users, items, np.array([7.0], np.float32)).tolist() == [0.0]


def test_a_mix_is_read_as_it_was_written() -> None:
    assert Mix.of({"mix": {"deep": 0.25, "factors": 1, "intercept": -0.5}, "hidden": [4]}) == Mix(0.25, 1.0, -0.5)


@pytest.mark.parametrize(
    "mix", [None, 1.0, [], {}, {"deep": 1.0}, {"deep": 1, "factors": "much", "intercept": 0}, {"deep": 1, "factors": None, "intercept": 0},
            {"deep": float("nan"), "factors": 0, "intercept": 0}, {"deep": 1, "factors": float("inf"), "intercept": 0},
            {"deep": 1, "factors": 0, "intercept": float("-inf")}, {"deep": -0.1, "factors": 1, "intercept": 0}],
)  # fmt: skip
def test_what_is_no_mix_is_refused(mix: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Mix.of({"mix": mix})
    with pytest.raises(ValueError, match="of an earlier version"):
        Mix.of({})
