"""What a slate is sorted by: values worked out by hand, and weights that are none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.models.slate_value import SlateValue
from homefeed.serving.sound_weights import UNUSABLE

P = np.array([0.1, 0.5, 0.9, 0.2], np.float32)


def test_pctr_alone_stays_what_it_is_to_the_last_bit() -> None:
    assert SlateValue()(P) is P


def test_the_place_alone_keeps_the_order_of_the_list() -> None:
    """sigmoid(-ln(place)) = 1 / (1 + place)."""
    np.testing.assert_allclose(SlateValue(0.0, 1.0)(P), [1 / 2, 1 / 3, 1 / 4, 1 / 5], rtol=1e-6)


def test_both_weights_by_hand() -> None:
    """logit(pCTR) is ln of the odds 1/9, 1, 9, 1/4; half of it is their root, and places to the power of 2 divide it."""
    odds = [math.sqrt(1 / 9), 1 / 4, 3 / 9, math.sqrt(1 / 4) / 16]
    got = SlateValue(0.5, 2.0)(P)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [o / (1 + o) for o in odds], rtol=1e-5)


def test_a_certain_click_and_a_certain_none_still_have_a_value() -> None:
    got = SlateValue(1.0, 0.5)(np.array([0.0, 1.0, 0.5], np.float32))
    assert np.isfinite(got).all()
    assert got[1] > got[2] > got[0]


def test_no_candidates_have_no_values() -> None:
    assert not len(SlateValue(1.0, 0.5)(np.zeros(0, np.float32)))


@given(
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20),
    st.floats(0, 3),
    st.floats(0, 3),
    st.integers(0, 19),
    st.floats(0, 1, width=32),
)
def test_a_higher_chance_is_never_a_lower_value_nor_an_earlier_place(p: list[float], p_weight: float, place_weight: float, at: int, other: float) -> None:
    value, at = SlateValue(p_weight, place_weight), at % len(p)
    before = value(np.array(p, np.float32))
    assert ((before >= 0) & (before <= 1)).all()
    p[at], lower = max(p[at], other), p[at]
    assert value(np.array(p, np.float32))[at] >= before[at]
    alike = value(np.full(len(p), lower, np.float32))
    assert (np.diff(alike) <= 0).all()


def test_weights_come_from_what_the_ranker_keeps() -> None:
    assert SlateValue.of({"slate": {"p_click": 0.25, "place": 2}, "hidden": [8]}) == SlateValue(0.25, 2.0)
    assert SlateValue.of({"hidden": [8]}) == SlateValue(1.0, 0.0)


@pytest.mark.parametrize("slate", [{"p_click": -1.0}, {"place": float("nan")}, {"place": float("inf")}, {"p_click": "much"}])
def test_numbers_that_are_no_weights_are_refused(slate: Any) -> None:
    with pytest.raises(ValueError, match=r"slate|much"):
        SlateValue.of({"slate": slate})


@pytest.mark.parametrize("slate", [{"p_clik": 1.0}, {"place": None}, [0.5, 1.0], 7, None])
def test_what_is_of_another_shape_fails_as_any_unusable_model_does(slate: Any) -> None:
    with pytest.raises(UNUSABLE):
        SlateValue.of({"slate": slate})
