"""A fitted model as plain arrays, and back: the same scores to the last bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small_towers import dssm_for, weights_of

from homefeed.features.encoder import NumberScale, encode
from homefeed.features.entities import EntityTable
from homefeed.models.deepfm import DeepFM
from homefeed.models.dssm import DSSM, Events
from homefeed.models.inputs import Inputs, inputs_for, inputs_of
from homefeed.models.weights import ModelWeights, restore

MAP_SIZE = 40


@pytest.fixture(scope="module")
def tables() -> tuple[EntityTable, EntityTable]:
    rng = np.random.default_rng(0)
    return entities(rng, 12, 2, 0, first=1), entities(rng, 9, 3, 1, first=13)


def entities(rng: np.random.Generator, n: int, n_columns: int, n_bags: int, first: int) -> EntityTable:
    slots = np.vstack([np.zeros((1, n_columns), np.int32), rng.integers(22, MAP_SIZE, (n - 1, n_columns)).astype(np.int32)])
    slots[1:, 0] = np.arange(first, first + n - 1)
    bags = {f"bag{i}": rng.integers(0, MAP_SIZE, (n, 3)).astype(np.int32) for i in range(n_bags)}
    return EntityTable([""] * n, slots, bags, rng.normal(size=(n, 1)).astype(np.float32))


@pytest.fixture(scope="module")
def inputs(tables: tuple[EntityTable, EntityTable]) -> Inputs:
    rng = np.random.default_rng(1)
    users, items = tables
    return inputs_for(users, items, rng.integers(1, 12, 60).astype(np.int32), rng.integers(1, 9, 60).astype(np.int32), MAP_SIZE, min_count=3)


def stored(weights: ModelWeights) -> ModelWeights:
    """Through what a file keeps of it."""
    return restore(weights.flat(), json.loads(json.dumps(weights.description())))


def test_a_dssm_comes_back_as_it_was(inputs: Inputs, tables: tuple[EntityTable, EntityTable]) -> None:
    model = dssm_for(inputs)
    fields = inputs.users.n_fields, inputs.items.n_fields
    weights = stored(weights_of(model, inputs.vocabulary, inputs.user_scale, inputs.item_scale, fields))
    again, read = DSSM.from_weights(weights), inputs_of(weights, *tables)
    events = Events(*(torch.randint(0, n, (12, 4), generator=torch.Generator().manual_seed(1)) for n in (9, 2, 25)))
    with torch.inference_mode():
        (vectors, bias), (vectors_again, bias_again) = model.items(inputs.items), again.items(read.items)
        assert torch.equal(vectors, vectors_again)
        assert torch.equal(bias, bias_again)
        assert torch.equal(model.wanted(inputs.users, events, vectors), again.wanted(read.users, events, vectors))


@pytest.mark.parametrize("hidden", [(8, 4), (5,), ()])
def test_a_deepfm_comes_back_as_it_was(hidden: tuple[int, ...], inputs: Inputs, tables: tuple[EntityTable, EntityTable]) -> None:
    torch.manual_seed(0)
    model = DeepFM(inputs.vocabulary, 6, hidden, inputs.n_dense + 1, dropout=0.5).eval()
    torch.nn.init.normal_(model.linear.weight)
    weights = stored(model.to_weights(inputs.vocabulary, inputs.user_scale, inputs.item_scale, {"hotness_mean": 0.1}))
    read = inputs_of(weights, *tables)
    index = torch.arange(8)
    with torch.inference_mode():
        expected = model(inputs.users.rows(index), inputs.items.rows(index), torch.linspace(-1, 1, 8))
        got = DeepFM.from_weights(weights)(read.users.rows(index), read.items.rows(index), torch.linspace(-1, 1, 8))
    assert torch.equal(expected, got)


def test_changing_a_model_does_not_change_the_arrays_taken_from_it(inputs: Inputs) -> None:
    model = DeepFM(inputs.vocabulary, 6, (4,), inputs.n_dense + 1)
    weights = model.to_weights(inputs.vocabulary, inputs.user_scale, inputs.item_scale, {})
    before = weights.arrays["embedding"].copy()
    with torch.no_grad():
        model.embedding.weight.add_(1)
    np.testing.assert_array_equal(weights.arrays["embedding"], before)


def test_hiding_a_field_gives_the_unknown_row_and_hiding_nothing_changes_nothing(inputs: Inputs) -> None:
    generator = torch.Generator().manual_seed(0)
    for side in (inputs.users, inputs.items):
        same = side.hidden_at_random(0.0, inputs.vocabulary.padding, generator)
        assert torch.equal(same.fields, side.fields)
        hidden = side.hidden_at_random(1.0, inputs.vocabulary.padding, generator)
        n_columns = side.fields.shape[1]
        assert torch.equal(hidden.fields, torch.arange(side.first_field, side.first_field + n_columns).expand_as(side.fields))
        for place, bag in enumerate(hidden.bags):
            assert torch.equal(bag[:, 0], torch.full((len(side),), side.first_field + n_columns + place))
            assert (bag[:, 1:] == inputs.vocabulary.padding).all()


def test_the_padding_row_stays_zero_in_training(inputs: Inputs) -> None:
    model = DeepFM(inputs.vocabulary, 6, (4,), inputs.n_dense + 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.01)
    index = torch.arange(8)
    for _ in range(3):
        optimiser.zero_grad()
        model(inputs.users.rows(index), inputs.items.rows(index), torch.zeros(8)).sum().backward()
        optimiser.step()
    assert not model.embedding.weight[inputs.vocabulary.padding].any()
    assert not model.linear.weight[inputs.vocabulary.padding].any()


def test_the_padding_row_of_a_dssm_stays_zero_in_training(inputs: Inputs) -> None:
    model = dssm_for(inputs).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    nothing = torch.zeros((12, 0), dtype=torch.int64)
    for _ in range(3):
        optimiser.zero_grad()
        vectors, bias = model.items(inputs.items)
        (model.wanted(inputs.users, Events(nothing, nothing, nothing), vectors)[:, 0] @ vectors.T + bias).sum().backward()
        optimiser.step()
    assert not model.embedding.weight[inputs.vocabulary.padding].any()
    assert not model.bias.weight[inputs.vocabulary.padding].any()


def test_entities_that_training_never_met_are_encoded_as_unknown(tables: tuple[EntityTable, EntityTable]) -> None:
    users, items = tables
    inputs = inputs_for(users, items, np.ones(5, np.int32), np.ones(5, np.int32), MAP_SIZE, min_count=3)
    encoded = encode(users, inputs.vocabulary, NumberScale.fit(users.numbers), 0)
    assert encoded.fields[1, 0] >= inputs.vocabulary.n_fields
    assert (encoded.fields[2:, 0] == 0).all()
