"""The order model at scoring time against the formula written out; whether its arrays fit is told by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from order_release import order_model, with_order_model
from small_release import MAP_SIZE, N_ITEM_FIELDS, N_NUMBERS, N_USER_FIELDS, small_bundle

from homefeed.features.encoder import encode
from homefeed.models.lookup import one_row
from homefeed.models.orders import FoldedOrders, OrderModel, chances
from homefeed.models.shapes import SideWidth, first_misfit
from homefeed.models.weights import ModelWeights

BUNDLE = small_bundle()


def ranker() -> ModelWeights:
    assert BUNDLE.rank is not None
    return with_order_model(BUNDLE.rank)


def misfit(model: ModelWeights) -> str:
    found = first_misfit(model, MAP_SIZE, SideWidth(N_USER_FIELDS, N_NUMBERS), SideWidth(N_ITEM_FIELDS, N_NUMBERS))
    return f"{found.what}: expected {found.expected}" if found else ""


def test_a_pairs_chance_is_the_formulas() -> None:
    weights, model = ranker(), order_model(ranker())
    users = encode(BUNDLE.users, weights.vocabulary, weights.user_scale, 0)
    items = encode(BUNDLE.items, weights.vocabulary, weights.item_scale, users.n_fields)
    folded, rows = FoldedOrders.fold(model, items), np.array([1, 7, 299], np.int32)
    click_logits = np.array([-2.0, 0.5, 1.0], np.float32)
    u, i = model.factors.of_users(users)[3], model.factors.of_items(items)[rows]
    expected = u[0] + i[:, 0] + i[:, 1:] @ u[1:] + model.factors.bias[0] + model.factors.bias[1] * click_logits
    found = folded.p_order(folded.user_part(one_row(users, 3)), rows, click_logits)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-expected)), atol=1e-6)
    np.testing.assert_array_equal(folded.worth, model.worth[items.fields[:, 0]])


def test_the_sigmoid_has_no_overflow() -> None:
    with np.errstate(all="raise"):
        assert chances(np.array([-1e4, 0, 1e4], np.float32)).tolist() == [0, 0.5, 1]


def test_a_ranker_without_orders_has_no_order_model_and_half_of_one_is_a_mistake() -> None:
    assert BUNDLE.rank is not None
    assert OrderModel.of(BUNDLE.rank.arrays) is None
    whole = OrderModel.of(ranker().arrays)
    assert whole is not None
    np.testing.assert_array_equal(whole.worth, order_model(ranker()).worth)
    with pytest.raises(KeyError):
        OrderModel.of({name: array for name, array in ranker().arrays.items() if name != "orders.bias"})


def test_a_whole_order_model_fits() -> None:
    assert misfit(ranker()) == ""


@pytest.mark.parametrize("name", ["orders.values", "orders.numbers", "orders.bias", "orders.worth"])
def test_damage_is_found_by_name(name: str) -> None:
    arrays = dict(ranker().arrays)
    assert name in misfit(replace(ranker(), arrays={n: a for n, a in arrays.items() if n != name}))
    shorter, nan = arrays[name][:-1], arrays[name] * np.float32(np.nan)
    assert name in misfit(replace(ranker(), arrays=arrays | {name: shorter}))
    assert f"{name} holds values that are not finite" in misfit(replace(ranker(), arrays=arrays | {name: nan}))


def test_an_order_that_is_worth_less_than_nothing_is_found() -> None:
    worth = ranker().arrays["orders.worth"].copy()
    worth[3] = -0.5
    assert misfit(replace(ranker(), arrays=dict(ranker().arrays) | {"orders.worth": worth})) == (
        "model.orders.worth says that some orders are worth -0.5: expected numbers from 0 on"
    )
