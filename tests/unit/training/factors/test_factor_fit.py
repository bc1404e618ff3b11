"""The whole fit on shops whose truth is known: who is found, who is known by tags alone, what a place on the page explains, and what breaks it (nothing)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from planted_factors import PlantedFactors, clicks, fitted, logits, planted_factors, probability, rows_of

from homefeed.artifacts.processed import Interactions
from homefeed.core.errors import ArtifactError
from homefeed.metrics.classification import auc
from homefeed.models.factors import Factors
from homefeed.models.inputs import Inputs

Rows = npt.NDArray[np.int32]
NEW_USERS, NEW_ITEMS = 30, 12
USERS, ITEMS = 300, 120


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)


@pytest.fixture(scope="module")
def shop() -> PlantedFactors:
    return planted_factors(np.random.default_rng(0), USERS, ITEMS)


@pytest.fixture(scope="module")
def log(shop: PlantedFactors) -> Interactions:
    """12,000 rows without the first users and items."""
    return shop.log(np.random.default_rng(1), 12_000, 1 + NEW_USERS, 1 + NEW_ITEMS)


@pytest.fixture(scope="module")
def fit(shop: PlantedFactors, log: Interactions) -> tuple[Factors, Inputs]:
    inputs = shop.inputs(log)
    return fitted(inputs, log)[0], inputs


def pairs(first_user: int, last_user: int, first_item: int, last_item: int) -> tuple[Rows, Rows]:
    user, item = np.meshgrid(np.arange(first_user, last_user + 1), np.arange(first_item, last_item + 1), indexing="ij")
    return user.reshape(-1).astype(np.int32), item.reshape(-1).astype(np.int32)


def aucs(shop: PlantedFactors, fit: tuple[Factors, Inputs], rng: np.random.Generator, user: Rows, item: Rows) -> tuple[float, float]:
    """Of the fit and of the truth itself, on clicks that nobody has seen."""
    true = shop.logit(user, item)
    label = clicks(rng, true)
    return auc(label, logits(*fit, user, item)), auc(label, true)


def test_planted_tastes_are_found(shop: PlantedFactors, log: Interactions, fit: tuple[Factors, Inputs], rng: np.random.Generator) -> None:
    user, item = pairs(1 + NEW_USERS, USERS, 1 + NEW_ITEMS, ITEMS)
    found, oracle = aucs(shop, fit, rng, user, item)
    popularity = np.bincount(log.item, log.label, ITEMS + 1) / np.bincount(log.item, minlength=ITEMS + 1).clip(1)
    assert found > oracle - 0.035
    assert found > auc(clicks(rng, shop.logit(user, item)), popularity[item]) + 0.1
    p, true = probability(logits(*fit, user, item)), probability(shop.logit(user, item))
    assert p.mean() == pytest.approx(true.mean(), rel=0.05)
    assert np.corrcoef(logits(*fit, user, item), shop.logit(user, item))[0, 1] > 0.88


def test_newcomers_are_known_by_their_tags(shop: PlantedFactors, fit: tuple[Factors, Inputs], rng: np.random.Generator) -> None:
    for user, item in (pairs(1, NEW_USERS, 1 + NEW_ITEMS, ITEMS), pairs(1 + NEW_USERS, USERS, 1, NEW_ITEMS)):
        found, oracle = aucs(shop, fit, rng, user, item)
        assert found > oracle - 0.07
    strangers, tagless = fit[0].of_users(fit[1].users.encoded())[:1], np.zeros((1, fit[0].values.shape[1]), np.float32)
    assert np.abs(strangers - tagless).max() < 0.5, "who has no tag is nearly nobody in particular"


def test_likes_and_numbers_that_tell_nothing_get_next_to_no_say(fit: tuple[Factors, Inputs]) -> None:
    factors, inputs = fit
    likes = np.unique(inputs.users.bags[0].numpy())
    tags = np.unique(inputs.users.fields[:, 1].numpy())
    assert np.abs(factors.values[likes]).mean() < 0.2 * np.abs(factors.values[tags]).mean()
    assert np.abs(factors.numbers).max() < 0.1


def test_padding_and_unknown_ids_are_nothing_at_all(fit: tuple[Factors, Inputs]) -> None:
    factors, inputs = fit
    assert not factors.values[[inputs.vocabulary.padding, inputs.users.first_field, inputs.items.first_field]].any()


def test_a_fit_is_repeated_by_its_seed_alone(small: tuple[PlantedFactors, Interactions]) -> None:
    shop, log = small
    first, again, other = (fitted(shop.inputs(log), log, seed)[0].arrays() for seed in (1, 1, 2))
    assert all(np.array_equal(array, again[name]) for name, array in first.items())
    assert not all(np.array_equal(array, other[name]) for name, array in first.items())


def test_a_row_of_weight_2_counts_like_the_row_twice(shop: PlantedFactors, log: Interactions) -> None:
    few = log.take(np.arange(3_000))
    twice = np.repeat(np.arange(3_000), np.where(np.arange(3_000) % 3 == 0, 2, 1))
    heavy = replace(few, weight=np.where(np.arange(3_000) % 3 == 0, 2, 1).astype(np.float32))
    inputs = shop.inputs(few)
    user, item = pairs(1, USERS, 1, ITEMS)
    of_weights, of_rows, of_neither = (logits(fitted(inputs, rows)[0], inputs, user, item) for rows in (heavy, few.take(twice), few))
    apart = np.abs(of_weights - of_rows).mean()
    assert apart < 0.05
    assert apart < 0.15 * np.abs(of_neither - of_rows).mean()


PLACES = 10
OF_PLACE = np.linspace(1.2, -1.2, PLACES)
"""True effect of places 1 to 10, in logits."""


def placed(shop: PlantedFactors, rng: np.random.Generator) -> Interactions:
    """A page that always shows the last items on top, which are no better for it."""
    rows = shop.log(rng, 12_000)
    place = ((ITEMS - rows.item) * PLACES // ITEMS + rng.integers(-1, 3, len(rows))).clip(0, PLACES - 1)
    label = clicks(rng, shop.logit(rows.user, rows.item) + OF_PLACE[place])
    return rows_of(rows.user, rows.item, label, (1 + place).astype(np.int32))


def test_what_a_place_explains_is_found_is_0_on_average_and_is_no_merit_of_the_item(shop: PlantedFactors, rng: np.random.Generator) -> None:
    rows = placed(shop, rng)
    inputs = shop.inputs(rows)
    factors, of_place = fitted(inputs, rows)
    assert rows.position is not None
    place = rows.position - 1
    effect = np.bincount(place, of_place) / np.bincount(place)
    true = OF_PLACE - OF_PLACE[place].mean()
    assert np.abs(effect - true).max() < 0.3
    assert of_place.mean() == pytest.approx(0, abs=1e-4)
    blind = fitted(inputs, replace(rows, position=None))[0]
    user, item = pairs(1, USERS, 1, ITEMS)
    assert merit_by_place(factors, inputs, shop, user, item) < 0.35
    assert merit_by_place(blind, inputs, shop, user, item) > 1.0, "or this shop would not need it"
    assert auc(clicks(rng, shop.logit(user, item)), logits(factors, inputs, user, item)) > auc(
        clicks(rng, shop.logit(user, item)), logits(blind, inputs, user, item)
    )


def merit_by_place(factors: Factors, inputs: Inputs, shop: PlantedFactors, user: Rows, item: Rows) -> float:
    """By how many logits items that are shown on top are overrated against those at the end."""
    over = logits(factors, inputs, user, item) - shop.logit(user, item)
    return abs(float(over[item > ITEMS * 3 // 4].mean() - over[item <= ITEMS // 4].mean()))


def test_a_log_without_places_explains_nothing_by_them(shop: PlantedFactors, log: Interactions) -> None:
    few = log.take(np.arange(500))
    np.testing.assert_allclose(fitted(shop.inputs(few), few)[1], 0, atol=1e-6)


def test_an_item_that_loses_its_appeal_is_rated_as_it_stands_now(shop: PlantedFactors, rng: np.random.Generator) -> None:
    rows = shop.log(rng, 12_000)
    faded = rows.item <= ITEMS // 4
    early = np.arange(len(rows)) < len(rows) // 2
    label = clicks(rng, shop.logit(rows.user, rows.item) + np.where(faded, np.where(early, 1.5, -1.5), 0))
    moving = rows_of(rows.user, rows.item, label)
    shuffled = moving.take(rng.permutation(len(rows)))
    inputs, (user, item) = shop.inputs(rows), pairs(1, USERS, 1, ITEMS // 4)
    now, on_average = (logits(fitted(inputs, replace(r, ts_us=rows.ts_us))[0], inputs, user, item) for r in (moving, shuffled))
    assert now.mean() < on_average.mean() - 0.25


def one_click(rows: Interactions) -> npt.NDArray[np.float32]:
    return (np.arange(len(rows)) == 5).astype(np.float32)


EXTREMES = {
    "one click": lambda rows: replace(rows, label=one_click(rows)),
    "all but one": lambda rows: replace(rows, label=1 - one_click(rows)),
    "one user": lambda rows: rows.take(rows.user == 1),
    "one item": lambda rows: rows.take(rows.item == 1),
    "two rows": lambda rows: replace(rows.take(np.arange(2)), label=np.array([0, 1], np.float32)),
    "a pair that is clicked and not": lambda rows: replace(rows.take(np.zeros(2, np.int64)), label=np.array([0, 1], np.float32)),
    "one row each": lambda rows: rows.take(np.unique(rows.user, return_index=True)[1]),
    "told apart wholly": lambda rows: replace(rows, label=((rows.user > 20) ^ (rows.item > 10)).astype(np.float32)),
    "one moment": lambda rows: replace(rows, ts_us=np.zeros(len(rows), np.int64)),
    "wild places": lambda rows: replace(rows, position=np.where(rows.label > 0, 2**31 - 1, -5).astype(np.int32)),
    "one is infinitely hot": lambda rows: replace(rows, hotness=np.where(np.arange(len(rows)) == 0, 1e38, 0).astype(np.float32)),
    "heavy clicks": lambda rows: replace(rows, weight=np.where(rows.label > 0, 1_000, 1).astype(np.float32)),
    "clicks without weight": lambda rows: replace(rows, weight=np.where(rows.label > 0, 0, 1).astype(np.float32)),
    "next to no weight": lambda rows: replace(rows, weight=np.full(len(rows), 1e-12, np.float32)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("extreme", EXTREMES)
def test_the_oddest_logs_give_numbers(extreme: str, small: tuple[PlantedFactors, Interactions]) -> None:
    shop, log = small
    rows = EXTREMES[extreme](log)
    assert len(np.unique(rows.label)) == 2
    inputs = shop.inputs(rows)
    factors, of_place = fitted(inputs, rows)
    assert all(np.isfinite(array).all() for array in (*factors.arrays().values(), of_place))
    assert np.isfinite(logits(factors, inputs, *pairs(0, 40, 0, 20))).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("min_count", [1, 50])
@pytest.mark.parametrize("number", [1e15, 1e25, -1e30])
def test_a_number_that_is_huge_in_an_entity_of_the_log_or_in_one_outside_of_it_gives_numbers(
    number: float, min_count: int, small: tuple[PlantedFactors, Interactions]
) -> None:
    shop, log = small
    for entity in (1, 40):
        numbers = shop.users.numbers.copy()
        numbers[entity] = number
        odd = replace(shop, users=replace(shop.users, numbers=numbers))
        rows = log.take(log.user < 40)
        factors, _ = fitted(odd.inputs(rows, min_count), rows)
        assert all(np.isfinite(array).all() for array in factors.arrays().values())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_beyond_all_measure_are_an_error_that_says_where_to_look(small: tuple[PlantedFactors, Interactions]) -> None:
    shop, log = small
    with pytest.raises(ArtifactError, match=r"Factors: training diverged.*finite weights.*etl\.events"):
        fitted(shop.inputs(log), replace(log, weight=np.full(len(log), 1e20, np.float32)))


@pytest.fixture(scope="module")
def small() -> tuple[PlantedFactors, Interactions]:
    shop = planted_factors(np.random.default_rng(3), 40, 20)
    return shop, shop.log(np.random.default_rng(4), 1_500)
