"""What the log's rows tell each user, against a loop over the rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from planted_factors import planted_factors, rows_of

from homefeed.training.factors.log import Floats, order_by
from homefeed.training.factors.side import Side, side_of

K, USERS, ITEMS, ROWS = 5, 12, 9, 150


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def log(rng: np.random.Generator) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """More rows than pairs: many are repeated. User 2 and item 3 have none."""
    user = rng.choice([1, *range(3, USERS + 1)], ROWS).astype(np.int32)
    item = rng.choice([1, 2, *range(4, ITEMS + 1)], ROWS).astype(np.int32)
    assert len(set(zip(user.tolist(), item.tolist(), strict=True))) < ROWS - 30
    return user, item


@pytest.fixture
def sides(rng: np.random.Generator, log: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]) -> tuple[Side, Side]:
    """Of a shop with ids, tags, bags and numbers, in the middle of a fit."""
    user, item = log
    inputs = planted_factors(rng, USERS, ITEMS).inputs(rows_of(user, item, np.ones(ROWS, np.float32)))
    padding = inputs.vocabulary.padding
    users = side_of(inputs.users, order_by(user, item, USERS + 1, ITEMS + 1), 0, padding, K, rng)
    items = side_of(inputs.items, order_by(item, user, ITEMS + 1, USERS + 1), inputs.users.dense.shape[1], padding, K, rng)
    for side in (users, items):
        for block in side.blocks:
            spread = rng.normal(size=(len(block.rows), K, K))
            block.covariance = (spread @ spread.transpose(0, 2, 1) / 20).astype(np.float32)
            added = rng.normal(0, 0.3, block.mean.shape).astype(np.float32)
            block.mean = block.mean + added
            side.mean = side.mean + block.design @ added
        side.refresh()
    return users, items


def test_evidence_is_the_sum_over_rows_of_what_each_tells_with_the_other_sides_doubt(
    sides: tuple[Side, Side], log: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]], rng: np.random.Generator
) -> None:
    (users, items), (user, item) = sides, log
    curvature, residual = rng.random(ROWS).astype(np.float32), rng.normal(size=ROWS).astype(np.float32)
    precision, gradient = users._evidence(items, curvature, residual)
    expected, slope = np.zeros((USERS + 1, K, K)), np.zeros((USERS + 1, K))
    for u, i, weight, rest in zip(user, item, curvature, residual, strict=True):
        faced = np.concatenate([[1.0], items.mean[i, 1:]])
        doubt = items.covariance[i].astype(np.float64)
        doubt[0], doubt[:, 0] = 0, 0
        expected[u] += weight * (np.outer(faced, faced) + doubt)
        slope[u] += rest * faced - weight * doubt @ users.mean[u]
    np.testing.assert_allclose(precision, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-4)
    assert not precision[2].any(), "a user without rows is told nothing"


def naive(side: Side, entity: int) -> tuple[Floats, Floats]:
    """Mean and covariance from what the entity holds, value by value."""
    mean, covariance = np.zeros(K, np.float32), np.zeros((K, K), np.float32)
    for block in side.blocks:
        for value in np.flatnonzero(block.design.toarray()[entity]):
            share = block.design[entity, value]
            mean = mean + share * block.mean[value]
            covariance = covariance + (share if block.rows[0] >= 0 else share**2) * block.covariance[value]
    return mean, covariance


def test_an_entity_is_the_sum_of_its_id_its_tags_its_bags_means_and_its_numbers(sides: tuple[Side, Side]) -> None:
    for side in sides:
        for entity in range(len(side.mean)):
            mean, covariance = naive(side, entity)
            np.testing.assert_allclose(side.mean[entity], mean, atol=1e-5)
            np.testing.assert_allclose(side.covariance[entity], covariance, atol=1e-5)
    bag = sides[0].blocks[2]
    assert set(np.round(np.asarray(bag.design.sum(1)).ravel(), 5)) == {1.0}, "whatever it holds, a bag counts once"


def test_after_a_step_the_entities_are_still_the_sums_of_their_parts(sides: tuple[Side, Side], rng: np.random.Generator) -> None:
    users, items = sides
    users.improve(items, np.full(ROWS, 0.2, np.float32), rng.normal(size=ROWS).astype(np.float32))
    for entity in range(USERS + 1):
        mean, covariance = naive(users, entity)
        np.testing.assert_allclose(users.mean[entity], mean, atol=1e-4)
        np.testing.assert_allclose(users.covariance[entity], covariance, atol=1e-5)


def test_an_id_that_the_model_does_not_know_has_no_part_of_its_own_and_an_unknown_tag_has() -> None:
    rng = np.random.default_rng(1)
    shop = planted_factors(rng, USERS, ITEMS)
    rows = rows_of(np.full(4, 1, np.int32), np.arange(1, 5, dtype=np.int32), np.array([0, 1, 0, 1], np.float32))
    inputs = shop.inputs(rows)
    side = side_of(inputs.users, order_by(rows.user, rows.item, USERS + 1, ITEMS + 1), 0, inputs.vocabulary.padding, K, rng)
    ids, tags = side.blocks[0], side.blocks[1]
    assert ids.design.toarray()[:, 0].tolist() == [0.0, 1.0] + [0.0] * (USERS - 1)
    assert np.asarray(tags.design.sum(1)).ravel().tolist() == [1.0] * (USERS + 1)
    assert inputs.users.first_field + 1 in tags.rows


def test_a_log_that_knows_no_id_leaves_the_side_to_its_tags() -> None:
    rng = np.random.default_rng(2)
    shop = planted_factors(rng, USERS, ITEMS)
    rows = shop.log(rng, 20)
    inputs = shop.inputs(rows, min_count=1_000)
    side = side_of(inputs.users, order_by(rows.user, rows.item, USERS + 1, ITEMS + 1), 0, inputs.vocabulary.padding, K, rng)
    assert all(len(block.rows) for block in side.blocks)
    assert not side.mean.any()
