"""chance^a x (click + order x pCVR x worth^b): hand-checked, between 0 and 1, and each weight does what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.models.declared_value import DeclaredValue

CHANCE, P_ORDER = np.array([0.1, 0.2, 0.1], np.float32), np.array([0.5, 0.0, 0.25], np.float32)
WORTH = np.array([1.0, 1.0, 4.0], np.float32)


def value(declared: DeclaredValue) -> np.ndarray:
    gains = declared.gains(WORTH)
    return declared(CHANCE, P_ORDER, gains, float(gains.max()))


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (DeclaredValue(), [0.1 * 1.5 / 2, 0.2 / 2, 0.1 * 1.25 / 2]),
        (DeclaredValue(order=0), [0.1, 0.2, 0.1]),
        (DeclaredValue(click=0, order=3), [0.1 * 0.5, 0, 0.1 * 0.25]),
        (DeclaredValue(order=10, value_power=1), [0.1 * 6 / 41, 0.2 / 41, 0.1 * 11 / 41]),
        (DeclaredValue(order=10, value_power=0.5), [0.1 * 6 / 21, 0.2 / 21, 0.1 * 6 / 21]),
        (DeclaredValue(click_power=2), [0.01 * 1.5 / 2, 0.04 / 2, 0.01 * 1.25 / 2]),
    ],
)
def test_hand_checked(declared: DeclaredValue, expected: list[float]) -> None:
    np.testing.assert_allclose(value(declared), expected, rtol=1e-5)


chances = st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3).map(lambda x: np.array(x, np.float32))


@given(chances, chances, st.floats(0, 100), st.floats(0.1, 100), st.floats(0, 3), st.floats(0, 3))
def test_it_lies_between_0_and_1(chance: np.ndarray, p_order: np.ndarray, click: float, order: float, a: float, b: float) -> None:
    declared = DeclaredValue(a, click, order, b)
    gains = declared.gains(WORTH)
    found = declared(chance, p_order, gains, float(gains.max()))
    assert ((found >= 0) & (found <= 1 + 1e-6)).all()


def test_it_is_what_a_configuration_says_and_the_default_where_it_says_nothing() -> None:
    assert DeclaredValue.of({}) == DeclaredValue(1.0, 1.0, 1.0, 0.0)
    assert DeclaredValue.of({"value": {"order": 5, "value_power": 1}}) == DeclaredValue(order=5.0, value_power=1.0)


@pytest.mark.parametrize("said", [{"click": -1}, {"order": float("nan")}, {"click": 0, "order": 0}, {"orders": 1}, {"click": "much"}])
def test_what_is_no_value_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        DeclaredValue.of({"value": said})
