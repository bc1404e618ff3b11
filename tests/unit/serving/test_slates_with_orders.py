"""A release that knows orders: each item says its chance of one, and the slate is sorted by what the shop declares. One that does not is as before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from order_release import with_orders
from small_release import MemoryStore, full_lists, small_bundle

from homefeed.artifacts.bundle import Bundle
from homefeed.core.slate import Request, Slate
from homefeed.models.declared_value import DeclaredValue
from homefeed.serving.degraded import RANK_SERVICE
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease

SLATE = {"p_click": 0.5, "place": 0.8}


def weighed(bundle: Bundle) -> Bundle:
    """Places count too."""
    assert bundle.rank is not None
    return replace(bundle, rank=replace(bundle.rank, config=dict(bundle.rank.config) | {"slate": SLATE}))


def slate_of(bundle: Bundle, uid: str = "bob", **tags: tuple[str, ...]) -> tuple[Slate, ReleaseInMemory]:
    release = ReleaseInMemory.of(bundle)
    pipeline = standard_pipeline(MemoryStore(bundle.release, full_lists(bundle)), OneRelease(release))
    return pipeline.recommend(Request("q", uid, 100, 0, tags)), release


@pytest.mark.parametrize("uid", ["bob", "tagged", "stranger"])
@pytest.mark.parametrize("value", [{}, {"click": 0.0}, {"order": 20.0, "value_power": 1.0}, {"click_power": 0.5, "order": 3.0}])
def test_each_item_says_both_chances_and_the_slate_falls_by_the_declared_value(value: dict[str, Any], uid: str) -> None:
    slate, release = slate_of(with_orders(small_bundle(), **value), uid)
    ranker, own = release.ranker, slate.items[:90]
    rows = ranker.item_rows([item.item_id.encode() for item in own])
    p_click, p_order = ranker.chances(rows, ranker.user_row(uid))
    assert p_order is not None
    scores = np.array([item.score for item in own])
    assert (np.diff(scores) <= 0).all()
    assert ((scores > 0) & (scores <= 1)).all()
    np.testing.assert_allclose([item.p_click for item in own], p_click, rtol=1e-5)
    np.testing.assert_allclose([item.p_order or 0.0 for item in own], p_order, rtol=1e-5)
    assert ranker._orders is not None
    declared, worth = DeclaredValue(**value), ranker._orders.worth
    most = declared.click + declared.order * worth.max() ** declared.value_power
    expected = p_click**declared.click_power * (declared.click + declared.order * p_order * worth[rows] ** declared.value_power) / most
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_the_value_stands_on_what_the_slate_is_sorted_by_without_orders() -> None:
    plain = {item.item_id: item.score for item in slate_of(weighed(small_bundle()))[0].items}
    with_none = {item.item_id: item.score for item in slate_of(with_orders(weighed(small_bundle()), order=0.0))[0].items}
    assert with_none == pytest.approx(plain), "an order is worth nothing"
    slate = slate_of(with_orders(weighed(small_bundle())))[0]
    for item in slate.items:
        assert item.score == pytest.approx(plain[item.item_id] * (1 + (item.p_order or 0)) / 2, rel=1e-4)


def test_orders_change_who_comes_first_and_nothing_else() -> None:
    plain, ordered = slate_of(small_bundle())[0], slate_of(with_orders(small_bundle(), order=30.0))[0]
    assert {item.item_id for item in plain.items} == {item.item_id for item in ordered.items}
    assert [item.item_id for item in plain.items] != [item.item_id for item in ordered.items]
    assert {i.item_id: i.p_click for i in plain.items} == pytest.approx({i.item_id: i.p_click for i in ordered.items})
    assert {item.p_order for item in plain.items} == {None}


@pytest.mark.parametrize("value", [{"click": 0.0, "order": 0.0}, {"order": -1.0}, {"order": float("inf")}])
def test_a_value_that_is_none_costs_the_ranker_and_not_the_slate(value: dict[str, Any]) -> None:
    slate, release = slate_of(with_orders(small_bundle(), **value))
    assert slate.degraded == (RANK_SERVICE,)
    assert "cannot be used" in (release.ranker.failure or "")
    assert {item.p_order for item in slate.items} == {None}


def test_an_order_model_of_other_dimensions_costs_the_ranker_and_not_the_slate() -> None:
    bundle = with_orders(small_bundle())
    assert bundle.rank is not None
    arrays = dict(bundle.rank.arrays) | {"orders.values": bundle.rank.arrays["orders.values"][:, :-2]}
    assert slate_of(replace(bundle, rank=replace(bundle.rank, arrays=arrays)))[0].degraded == (RANK_SERVICE,)
