"""The recall model's vectors: numpy and torch alike, one user at a time or all together, and never a look ahead."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_towers import DIM, MAX_EVENTS, START_US, dssm_for, histories_with, history_of, weights_of

from homefeed.features.encoder import EncodedTable, encode
from homefeed.features.entities import EntityTable
from homefeed.features.history import GAP_BUCKETS, Histories
from homefeed.models import vectors as vectors_module
from homefeed.models.dssm import DSSM, Events
from homefeed.models.inputs import Inputs, inputs_for
from homefeed.models.lookup import one_row
from homefeed.models.tower import NOTHING_YET, History, item_vectors, user_vector
from homefeed.models.vectors import item_vectors as torch_item_vectors
from homefeed.models.vectors import user_vectors
from homefeed.models.weights import ModelWeights

MAP_SIZE, N_ITEMS = 60, 20
COUNTS = [0, 1, 2, MAX_EVENTS - 1, MAX_EVENTS, MAX_EVENTS + 1, 3 * MAX_EVENTS, 0, 3]


def entities(rng: np.random.Generator, n: int, n_columns: int, n_bags: int) -> EntityTable:
    slots = rng.integers(0, MAP_SIZE + 1, (n, n_columns)).astype(np.int32)
    bags = {f"b{i}": np.sort(rng.integers(0, MAP_SIZE + 1, (n, 4)) * rng.integers(0, 2, (n, 4)))[:, ::-1].astype(np.int32) for i in range(n_bags)}
    return EntityTable([""] * n, slots, bags, np.where(rng.random((n, 2)) < 0.3, np.nan, rng.normal(size=(n, 2))).astype(np.float32))


@pytest.fixture(scope="module")
def tables() -> tuple[EntityTable, EntityTable]:
    rng = np.random.default_rng(5)
    return entities(rng, len(COUNTS), 2, 1), entities(rng, N_ITEMS, 2, 2)


@pytest.fixture(scope="module")
def inputs(tables: tuple[EntityTable, EntityTable]) -> Inputs:
    rng = np.random.default_rng(6)
    rows = (rng.integers(0, n, 40).astype(np.int32) for n in (len(COUNTS), N_ITEMS))
    return inputs_for(*tables, *rows, MAP_SIZE, min_count=5)


@pytest.fixture(scope="module")
def model(inputs: Inputs) -> DSSM:
    return dssm_for(inputs)


@pytest.fixture(scope="module")
def weights(model: DSSM, inputs: Inputs) -> ModelWeights:
    return weights_of(model, inputs.vocabulary, inputs.user_scale, inputs.item_scale, (inputs.users.n_fields, inputs.items.n_fields))


@pytest.fixture(scope="module")
def encoded(tables: tuple[EntityTable, EntityTable], inputs: Inputs) -> tuple[EncodedTable, EncodedTable]:
    users, items = tables
    return encode(users, inputs.vocabulary, inputs.user_scale, 0), encode(items, inputs.vocabulary, inputs.item_scale, users.n_fields)


@pytest.fixture(scope="module")
def histories() -> Histories:
    return histories_with(COUNTS, N_ITEMS)


def test_an_item_has_the_same_vector_and_bias_in_numpy_and_in_torch(
    model: DSSM, weights: ModelWeights, inputs: Inputs, encoded: tuple[EncodedTable, EncodedTable]
) -> None:
    expected = torch_item_vectors(model, inputs.items).numpy()
    assert expected.shape == (N_ITEMS, DIM + 1)
    np.testing.assert_allclose(item_vectors(weights, encoded[1]), expected, atol=1e-5)


@pytest.mark.parametrize("user", range(len(COUNTS)), ids=[f"{n} events" for n in COUNTS])
def test_a_user_has_the_same_vector_in_numpy_and_in_torch(
    user: int, model: DSSM, weights: ModelWeights, inputs: Inputs, encoded: tuple[EncodedTable, EncodedTable], histories: Histories
) -> None:
    items = item_vectors(weights, encoded[1])
    history = history_of(histories, user, START_US + 10**13)
    got = user_vector(weights, one_row(encoded[0], user), history, items)
    read = history.last(MAX_EVENTS)
    events = Events(*(torch.from_numpy(column.astype(np.int64))[None] for column in (read.item, read.clicked, read.gap)))
    with torch.inference_mode():
        expected = model.wanted(inputs.users.rows(torch.tensor([user])), events, torch.from_numpy(items[:, :-1]))[0, -1].numpy()
    np.testing.assert_allclose(got, np.append(expected, 1), atol=1e-5)


def test_what_happened_before_the_longest_history_is_not_read(weights: ModelWeights, encoded: tuple[EncodedTable, EncodedTable]) -> None:
    items, user = item_vectors(weights, encoded[1]), one_row(encoded[0], 1)
    rng = np.random.default_rng(0)
    long = History(rng.integers(0, N_ITEMS, 9).astype(np.int32), rng.random(9) < 0.5, rng.integers(0, GAP_BUCKETS, 9))
    vector = user_vector(weights, user, long, items)
    np.testing.assert_array_equal(vector, user_vector(weights, user, long.last(MAX_EVENTS), items))
    assert not np.allclose(vector, user_vector(weights, user, long.last(MAX_EVENTS - 1), items), atol=1e-3)


def test_every_event_what_became_of_it_when_and_in_which_order_counts(weights: ModelWeights, encoded: tuple[EncodedTable, EncodedTable]) -> None:
    items, user = item_vectors(weights, encoded[1]), one_row(encoded[0], 1)
    item, clicked, gap = np.array([3, 4, 5], np.int32), np.array([True, False, True]), np.array([2, 9, 14])
    others = [
        NOTHING_YET,
        History(np.array([3, 6, 5], np.int32), clicked, gap),
        History(item, np.array([True, True, True]), gap),
        History(item, clicked, np.array([2, 10, 14])),
        History(item[[1, 0, 2]], clicked[[1, 0, 2]], gap[[1, 0, 2]]),
    ]
    vector = user_vector(weights, user, History(item, clicked, gap), items)
    assert all(np.abs(vector - user_vector(weights, user, other, items)).max() > 1e-3 for other in others)


def test_a_later_event_changes_no_earlier_place(model: DSSM, inputs: Inputs) -> None:
    generator = torch.Generator().manual_seed(0)
    events = Events(*(torch.randint(0, n, (len(COUNTS), MAX_EVENTS), generator=generator) for n in (N_ITEMS, 2, GAP_BUCKETS)))
    with torch.inference_mode():
        items = model.items(inputs.items)[0]
        before = model.wanted(inputs.users, events, items)
        for place in range(MAX_EVENTS):
            for column, n in ((events.item, N_ITEMS), (events.clicked, 2), (events.gap, GAP_BUCKETS)):
                kept = column[:, place].clone()
                column[:, place] = (kept + 1) % n
                after = model.wanted(inputs.users, events, items)
                column[:, place] = kept
                torch.testing.assert_close(after[:, : place + 1], before[:, : place + 1], rtol=0, atol=1e-6)
                assert ((after[:, place + 1 :] - before[:, place + 1 :]).abs().amax(2) > 1e-4).all()


@pytest.mark.parametrize("as_of_us", [None, START_US + 10**13])
@pytest.mark.parametrize("batch_places", [1, 7, 16_384])
def test_vectors_of_many_users_are_those_of_each_alone(
    as_of_us: int | None,
    batch_places: int,
    model: DSSM,
    weights: ModelWeights,
    inputs: Inputs,
    encoded: tuple[EncodedTable, EncodedTable],
    histories: Histories,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vectors_module, "BATCH_PLACES", batch_places)
    monkeypatch.setattr(vectors_module, "half_is_fast", lambda: False)
    items = torch_item_vectors(model, inputs.items)
    rows = np.array([6, 0, 3, 5, 8, 1, 3])
    together = user_vectors(model, inputs.users, histories, as_of_us, rows, items).numpy()
    for row, vector in zip(rows, together, strict=True):
        np.testing.assert_allclose(vector, user_vectors(model, inputs.users, histories, as_of_us, np.array([row]), items)[0], atol=1e-5)
        alone = user_vector(weights, one_row(encoded[0], int(row)), history_of(histories, int(row), as_of_us), items.numpy())
        np.testing.assert_allclose(vector, alone, atol=1e-5)


def test_vectors_in_half_precision_are_the_same_but_for_rounding(model: DSSM, inputs: Inputs, histories: Histories, monkeypatch: pytest.MonkeyPatch) -> None:
    items, rows = torch_item_vectors(model, inputs.items), np.arange(len(COUNTS))
    monkeypatch.setattr(vectors_module, "half_is_fast", lambda: False)
    whole = user_vectors(model, inputs.users, histories, None, rows, items)
    monkeypatch.setattr(vectors_module, "half_is_fast", lambda: True)
    half = user_vectors(model, inputs.users, histories, None, rows, items)
    assert half.dtype == torch.float32
    assert (half - whole).norm(dim=1).max() < 0.05 * whole.norm(dim=1).mean()


def test_nobody_to_ask_and_nobody_with_a_history_are_no_errors(model: DSSM, inputs: Inputs) -> None:
    items, nothing = torch_item_vectors(model, inputs.items), histories_with([0] * len(COUNTS), N_ITEMS)
    assert user_vectors(model, inputs.users, nothing, None, np.zeros(0, np.int64), items).shape == (0, DIM + 1)
    assert user_vectors(model, inputs.users, nothing, None, np.arange(len(COUNTS)), items).isfinite().all()
