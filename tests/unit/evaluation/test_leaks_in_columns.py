"""Columns that hold a label, a count of labels or a later moment; and honest columns, which pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from leaky_shop import NO_NAMES, only, rows_of, with_category, with_number
from processed_shop import processed_shop

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.leaks.columns import Values
from homefeed.evaluation.leaks.counted_columns import look_at_counts
from homefeed.evaluation.leaks.feature_moments import look_at_moments
from homefeed.evaluation.leaks.findings import Look
from homefeed.evaluation.leaks.label_in_column import look_at_columns
from homefeed.evaluation.leaks.naming import moment


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"), users=300, items=60)


def labels(dataset: ProcessedDataset, names: list[str] | tuple[str, ...] = NO_NAMES, **log_columns: Values) -> Look:
    return look_at_columns(dataset, names, log_columns, np.random.default_rng(0))


def clicks(dataset: ProcessedDataset, side: str = "train") -> npt.NDArray[np.int64]:
    rows = rows_of(dataset) if side == "both" else getattr(dataset, side)
    return np.bincount(rows.item[rows.label > 0], minlength=len(dataset.items))[1:]


def noise(size: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=size)


def test_the_clean_shop_passes_with_honest_columns_of_every_kind(shop: ProcessedDataset) -> None:
    honest = with_number(with_number(shop, "item", "price", noise(len(shop.items) - 1)), "user", "age", noise(len(shop.users) - 1))
    position = np.random.default_rng(2).integers(1, 11, len(shop.train)).astype(np.float64)
    looks = [labels(honest, position=position), look_at_counts(honest, NO_NAMES), look_at_moments(honest, NO_NAMES)]
    assert [(look.leaks, look.left_out) for look in looks] == [((), "")] * 3
    assert "price" in looks[0].at
    assert "position" in looks[0].at


@pytest.mark.parametrize("form", ["number", "missing", "text"])
def test_a_log_column_that_is_the_label_is_named(form: str, shop: ProcessedDataset) -> None:
    label = shop.train.label.astype(np.float64)
    forms: dict[str, Values] = {"number": label * 3 + 1, "missing": np.where(label > 0, noise(len(label)), np.nan), "text": label.astype(np.int64)}
    leak = only(labels(shop, dwell=forms[form]))
    assert leak.where == "log column dwell"
    assert "AUC 1.0000" in leak.what


def test_a_value_that_only_clicked_rows_hold_is_named_though_most_clicks_lack_it(shop: ProcessedDataset) -> None:
    basket = (shop.train.label > 0) & (np.arange(len(shop.train)) % 5 == 0)
    leak = only(labels(shop, step=basket.astype(np.int64)))
    assert (leak.where, leak.count) == ("log column step", int(basket.sum()))
    assert "100.0%" in leak.example


def test_a_user_column_that_tells_who_clicked_is_named_where_the_id_tells_nothing(shop: ProcessedDataset) -> None:
    first = np.unique(shop.train.user, return_index=True)[1]
    once = replace(shop, train=shop.train.take(first))
    clicked = np.full(len(shop.users) - 1, "unknown", dtype="U7")
    clicked[once.train.user - 1] = np.where(once.train.label > 0, "yes", "no")
    leaky, names = with_category(once, "user", "bought", clicked.tolist())
    leak = only(labels(leaky, names))
    assert leak.where == "user column bought"
    assert "value yes" in leak.example


def test_items_that_are_always_clicked_are_no_leak_of_their_columns(shop: ProcessedDataset) -> None:
    wanted = np.arange(len(shop.items)) % 2 == 0
    certain = replace(shop, train=replace(shop.train, label=wanted[shop.train.item].astype(np.float32)))
    plain, names = with_category(certain, "item", "kind", np.where(wanted[1:], "good", "bad").tolist())
    assert labels(plain, names).leaks == ()


def test_labels_of_one_kind_are_left_out_and_say_so(shop: ProcessedDataset) -> None:
    alone = replace(shop, train=replace(shop.train, label=np.ones(len(shop.train), np.float32)))
    look = labels(alone)
    assert look.leaks == ()
    assert "of either label" in look.left_out


@pytest.mark.parametrize(("side", "named"), [("train", "the train side"), ("test", "the test side"), ("both", "the whole log")])
def test_a_number_of_an_item_that_counts_its_clicks_is_named_with_the_side(side: str, named: str, shop: ProcessedDataset) -> None:
    leaky = with_number(shop, "item", "sales", clicks(shop, side).astype(np.float64) * 2.5)
    leak = only(look_at_counts(leaky, NO_NAMES))
    assert leak.where == "item column sales"
    assert f"clicks of {named}" in leak.what


def test_a_category_that_spells_the_click_count_is_named(shop: ProcessedDataset) -> None:
    leaky, names = with_category(shop, "item", "sold", [str(n) for n in clicks(shop, "both")])
    assert only(look_at_counts(leaky, names)).where == "item column sold"


def test_sales_of_another_time_are_no_leak(shop: ProcessedDataset) -> None:
    earlier = np.random.default_rng(3).poisson(clicks(shop, "both")).astype(np.float64)
    assert look_at_counts(with_number(shop, "item", "sales", earlier), NO_NAMES).leaks == ()


@pytest.mark.parametrize("form", ["seconds", "milliseconds", "date"])
def test_a_column_of_the_last_sale_is_named_and_one_of_the_first_is_not(form: str, shop: ProcessedDataset) -> None:
    rows = rows_of(shop)
    last, first = np.zeros(len(shop.items), np.int64), np.full(len(shop.items), 2**62)
    np.maximum.at(last, rows.item, rows.ts_us)
    np.minimum.at(first, rows.item, rows.ts_us)
    for name, us in (("launched", first[1:]), ("last_sold", last[1:])):
        if form == "date":
            dataset, names = with_category(shop, "item", name, [moment(int(value))[:-1] for value in us])
        else:
            dataset, names = with_number(shop, "item", name, us / {"seconds": 1e6, "milliseconds": 1e3}[form]), []
        look = look_at_moments(dataset, names)
        assert name in look.at
        assert [leak.where for leak in look.leaks] == (["item column last_sold"] if name == "last_sold" else [])


def test_prices_and_sparse_columns_are_not_read_as_moments(shop: ProcessedDataset) -> None:
    items = len(shop.items) - 1
    price = with_number(shop, "item", "price", np.abs(noise(items)) * 1e4)
    sparse = np.full(items, np.nan)
    sparse[:3] = 1.76e9
    assert "none" in look_at_moments(with_number(price, "item", "sparse", sparse), NO_NAMES).at
