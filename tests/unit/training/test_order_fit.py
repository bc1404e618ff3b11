"""The ranker's order model: what is clicked alike and ordered otherwise is told apart, and five orders tell nobody much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from ordering_shop import ITEMS, OFTEN, OFTEN_VALUE, SELDOM, SELDOM_VALUE, keeping, ordering_shop

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.config import RankConfig, TrainConfig
from homefeed.core.progress import Silent
from homefeed.metrics.classification import auc
from homefeed.models.inputs import inputs_for
from homefeed.models.orders import PREFIX, OrderModel, chances
from homefeed.models.shapes import SideWidth, first_misfit
from homefeed.models.weights import ModelWeights
from homefeed.training.orders.fit import OrderFit, of_clicks, order_logits
from homefeed.training.rank_deepfm import predict, predict_orders, train_rank
from homefeed.training.three_fits import Fitted

CONFIG = RankConfig(embedding_dim=4, hidden=(8,), max_epochs=1, batch_size=1024)


def fitted(shop: ProcessedDataset, *, refit: bool = False) -> Fitted:
    return train_rank(shop, CONFIG, TrainConfig(), refit=refit, progress=Silent())


def with_fewer_orders(shop: ProcessedDataset, every: int, at_most: int) -> ProcessedDataset:
    """Of the train side, from its first on."""
    assert shop.train.ordered is not None
    kept = np.isin(np.arange(len(shop.train)), np.flatnonzero(shop.train.ordered)[::every][:at_most])
    few = replace(shop, train=keeping(shop.train, kept))
    assert orders(few) >= min(at_most, 20)
    return few


def orders(shop: ProcessedDataset) -> float:
    assert shop.train.ordered is not None
    return float(shop.train.ordered.sum())


def p_order_of(shop: ProcessedDataset) -> npt.NDArray[np.float32]:
    """pCVR of the test rows by a fit of the order model alone, to which all clicks are as likely."""
    clicks, nothing = of_clicks(shop.train), np.zeros(len(shop.train), np.float32)
    inputs = inputs_for(shop.users, shop.items, shop.train.user, shop.train.item, shop.map_size, 3)
    model = OrderFit(shop, 7, Silent()).fit(inputs, clicks, nothing[: len(clicks)], "orders")
    assert model is not None
    return chances(order_logits(model, inputs, shop.test, nothing[: len(shop.test)]))


@pytest.fixture(scope="module")
def shop() -> ProcessedDataset:
    return ordering_shop(12_000)


@pytest.fixture(scope="module")
def ranker(shop: ProcessedDataset) -> ModelWeights:
    return fitted(shop).reported.model


def test_items_clicked_alike_are_told_apart_by_their_orders(shop: ProcessedDataset, ranker: ModelWeights) -> None:
    p_order, odd = predict_orders(ranker, shop, shop.test), shop.test.item % 2 == 1
    assert p_order is not None
    assert p_order[odd].mean() == pytest.approx(OFTEN, abs=0.08)
    assert p_order[~odd].mean() == pytest.approx(SELDOM, abs=0.05)
    assert p_order[odd].min() > p_order[~odd].max()
    p_click = predict(ranker, shop, shop.test)
    assert p_click[odd].mean() == pytest.approx(p_click[~odd].mean(), abs=0.02)


def test_an_order_among_all_impressions_is_foreseen_better_than_by_clicks_alone(shop: ProcessedDataset, ranker: ModelWeights) -> None:
    p_click, p_order = predict(ranker, shop, shop.test), predict_orders(ranker, shop, shop.test)
    assert shop.test.ordered is not None
    assert p_order is not None
    assert auc(shop.test.ordered, p_click * p_order) > auc(shop.test.ordered, p_click) + 0.1


def test_an_item_is_worth_its_mean_order(shop: ProcessedDataset, ranker: ModelWeights) -> None:
    model = OrderModel.of(ranker.arrays)
    assert model is not None
    worth = model.worth[ranker.vocabulary.rows(shop.items.slots, shop.users.n_fields)[1:, 0]]
    assert worth[0::2] / worth[1::2] == pytest.approx(np.full(ITEMS // 2, OFTEN_VALUE / SELDOM_VALUE), rel=0.1)
    assert model.worth[0] == 1


def test_the_ranker_fits_its_map_and_says_where_its_orders_come_from(shop: ProcessedDataset, ranker: ModelWeights) -> None:
    assert first_misfit(ranker, shop.map_size, SideWidth(1, 0), SideWidth(1, 0)) is None
    assert set(ranker.config["orders"]) == {"slope", "intercept", "delay_hours"}
    assert ranker.config["orders"]["delay_hours"] == 0
    assert 0.5 < ranker.config["orders"]["slope"] < 1.5


def test_clicks_are_foreseen_as_without_orders(shop: ProcessedDataset, ranker: ModelWeights) -> None:
    silent = replace(shop, train=replace(shop.train, ordered=None, value=None), test=replace(shop.test, ordered=None, value=None))
    without = fitted(silent).reported.model
    assert not [name for name in without.arrays if name.startswith(PREFIX)]
    assert "orders" not in without.config
    assert predict_orders(without, silent, silent.test) is None
    np.testing.assert_array_equal(predict(without, silent, silent.test), predict(ranker, shop, shop.test))


def test_what_is_likelier_clicked_is_likelier_ordered_where_the_shop_is_so(shop: ProcessedDataset) -> None:
    """Planted: logit(pCVR) = 1 + 0.8 logit(pCTR), whoever clicks what."""
    rng, clicks = np.random.default_rng(4), of_clicks(shop.train)
    click_logits = rng.normal(-3, 0.7, len(clicks)).astype(np.float32)
    ordered = (rng.random(len(clicks)) < chances(1 + 0.8 * click_logits)).astype(np.float32)
    inputs = inputs_for(shop.users, shop.items, shop.train.user, shop.train.item, shop.map_size, 3)
    model = OrderFit(shop, 7, Silent()).fit(inputs, replace(clicks, ordered=ordered, value=ordered), click_logits, "orders")
    assert model is not None
    for asked in (-4, -3, -2):
        said = chances(order_logits(model, inputs, shop.test, np.full(len(shop.test), asked, np.float32)))
        assert said.mean() == pytest.approx(1 / (1 + np.exp(-1 - 0.8 * asked)), rel=0.3)


@pytest.mark.parametrize("n_orders", [1, 5])
def test_a_handful_of_orders_makes_no_item_better_than_another(n_orders: int, shop: ProcessedDataset) -> None:
    few = with_fewer_orders(shop, 400 // n_orders, n_orders)
    assert np.ptp(p_order_of(few)) == 0
    assert p_order_of(few).mean() == pytest.approx(n_orders / few.train.label.sum(), rel=0.01)


def test_some_dozen_orders_tell_the_groups_apart_without_being_sure_of_any_item(shop: ProcessedDataset) -> None:
    few = with_fewer_orders(shop, 20, 40)
    p_order, odd, rate = p_order_of(few), few.test.item % 2 == 1, orders(few) / few.train.label.sum()
    assert p_order[odd].mean() > 1.15 * p_order[~odd].mean()
    assert rate / 4 < p_order.min() < p_order.max() < 4 * rate


def test_no_order_at_all_is_a_ranker_without_orders(shop: ProcessedDataset) -> None:
    none = replace(shop, train=keeping(shop.train, np.zeros(len(shop.train), np.bool_)))
    assert predict_orders(fitted(none).reported.model, none, none.test) is None


def test_orders_of_the_test_side_are_learned_by_the_served_ranker_alone(shop: ProcessedDataset) -> None:
    none = replace(shop, train=keeping(shop.train, np.zeros(len(shop.train), np.bool_)))
    both = fitted(none, refit=True)
    assert OrderModel.of(both.reported.model.arrays) is None
    assert OrderModel.of(both.served.model.arrays) is not None
