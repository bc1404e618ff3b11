"""One batch's loss against the formula, written out place by place, and the pools that large catalogues are measured against."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from processed_shop import processed_shop
from small_towers import dssm_for
from torch import Tensor
from torch.nn import functional as F

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RecallConfig, TrainConfig
from homefeed.models.dssm import DSSM, Events
from homefeed.models.inputs import Inputs, inputs_for
from homefeed.training import recall_objectives
from homefeed.training.recall_objectives import SHOWN_WEIGHT, Objective, Pool, Pools, objective_step
from homefeed.training.sequences import SequenceBatch, TrainingSequences, Window

NOTHING_HIDDEN = TrainConfig(unknown_rate=0.0)
MAX_EVENTS = 12
OBJECTIVES: list[Objective] = ["pointwise", "inbatch"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def inputs(dataset: ProcessedDataset) -> Inputs:
    return inputs_for(dataset.users, dataset.items, dataset.train.user, dataset.train.item, dataset.map_size, 1)


@pytest.fixture(scope="module")
def sequences(dataset: ProcessedDataset) -> TrainingSequences:
    return TrainingSequences(dataset.train, len(dataset.users), None, MAX_EVENTS, batch_events=80)


@pytest.fixture(scope="module")
def windows(sequences: TrainingSequences) -> list[Window]:
    """Whole histories and parts of them, of different lengths."""
    batch = next(b for b in sequences.batches(np.random.default_rng(0)) if len(b) > 2)
    return [*batch, Window(batch[0].user, batch[0].start, batch[0].start + 2, batch[0].first)]


@pytest.fixture
def model(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> DSSM:
    monkeypatch.setattr(recall_objectives, "half_is_fast", lambda: False)
    return dssm_for(inputs, max_events=MAX_EVENTS)


def config(full_softmax_items: int, negatives: int = 3) -> RecallConfig:
    return RecallConfig(full_softmax_items=full_softmax_items, negatives=negatives)


def wanted_of(model: DSSM, inputs: Inputs, batch: SequenceBatch, k: int, n_events: int, vectors: Tensor) -> Tensor:
    """f32[1 + n, d] of one window, encoded alone."""
    events = Events(*(getattr(batch.events, name)[k : k + 1, :n_events] for name in ("item", "clicked", "gap")))
    return model.wanted(inputs.users.rows(batch.users[k : k + 1]), events, vectors)[0]


def written_out(model: DSSM, inputs: Inputs, batch: SequenceBatch, windows: list[Window], pool: Pool, objective: Objective) -> Tensor:
    vectors, bias = model.items(inputs.items)
    length = batch.events.item.shape[1]
    wants = {}
    for k, window in enumerate(windows):
        n = window.stop - window.start
        wants.update({k * (1 + length) + place: want for place, want in enumerate(wanted_of(model, inputs, batch, k, n, vectors))})
    taught: dict[int, list[tuple[int, Tensor]]] = {}
    for row, item, weight in zip(batch.targets.row.tolist(), batch.targets.column.tolist(), batch.targets.weight, strict=True):
        taught.setdefault(row, []).append((item, weight))
    losses = []
    for row, targets in taught.items():
        logits = {item: wants[row] @ vectors[item] + bias[item] for item in pool.rows.tolist()}
        chance = dict(zip(pool.rows.tolist(), pool.log_inclusion, strict=True))
        right = {item for item, _ in targets}
        for item, weight in targets:
            if objective == "inbatch":
                corrected = torch.stack([logit - chance[i] for i, logit in logits.items()])
                losses.append(weight * (torch.logsumexp(corrected, 0) - logits[item] + chance[item]))
            else:
                negatives = sum(F.softplus(logit) / chance[i].exp() for i, logit in logits.items() if i not in right)
                losses.append(weight * (F.softplus(-logits[item]) + negatives))
    loss = torch.stack(losses).sum() / batch.targets.weight.sum()
    if objective == "inbatch":
        return loss
    shown = batch.shown
    rows = [
        w * F.binary_cross_entropy_with_logits(wants[p] @ vectors[i] + bias[i], clicked)
        for p, i, clicked, w in zip(shown.place.tolist(), shown.item.tolist(), shown.clicked, shown.weight, strict=True)
    ]
    return loss + SHOWN_WEIGHT * torch.stack(rows).mean()


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("full_softmax_items", [1, 20_000], ids=["drawn negatives", "whole catalogue"])
def test_a_batch_pulls_at_every_weight_as_the_formula_does(
    full_softmax_items: int,
    objective: Objective,
    dataset: ProcessedDataset,
    inputs: Inputs,
    model: DSSM,
    sequences: TrainingSequences,
    windows: list[Window],
) -> None:
    settings = config(full_softmax_items)
    step = objective_step(model, inputs, dataset.train, sequences, objective, settings, NOTHING_HIDDEN)
    batch = sequences.batch(windows)
    pool = Pools(dataset.train, len(inputs.items), settings).of(batch, torch.Generator().manual_seed(3))
    parameters = {name: value for name, value in model.named_parameters() if "item_numbers" not in name}
    loss, expected = step(windows, torch.Generator().manual_seed(3)), written_out(model, inputs, batch, windows, pool, objective)
    if objective == "inbatch":
        assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)
    got, wanted = (torch.autograd.grad(value, list(parameters.values())) for value in (loss, expected))
    for name, one, other in zip(parameters, got, wanted, strict=True):
        assert float((one - other).norm()) <= 1e-3 * float(other.norm()) + 1e-6, name


def test_the_pool_of_a_small_catalogue_is_the_catalogue(dataset: ProcessedDataset, sequences: TrainingSequences, windows: list[Window]) -> None:
    pool = Pools(dataset.train, len(dataset.items), config(20_000)).of(sequences.batch(windows), torch.Generator())
    assert pool.rows.tolist() == list(range(len(dataset.items)))
    assert not pool.log_inclusion.any()


def test_the_pool_of_a_large_one_is_what_the_batch_holds_and_some_drawn_evenly(dataset: ProcessedDataset, sequences: TrainingSequences) -> None:
    one = sequences.batch([Window(int(sequences.histories.users()[0]), 0, 2, True)])
    pools, n_items = Pools(dataset.train, len(dataset.items), config(1, negatives=4)), len(dataset.items)
    own = {*one.events.item.flatten().tolist(), *one.targets.column.tolist(), *one.shown.item.tolist()}
    drawn = np.zeros(n_items)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        rows = pools.of(one, generator).rows.tolist()
        assert rows == sorted(set(rows))
        assert own <= set(rows)
        assert len(rows) <= len(own) + 4
        drawn[rows] += 1
    others = [item for item in range(1, n_items) if item not in own]
    assert drawn[0] == 0
    expected = 400 * (1 - (1 - 1 / (n_items - 1)) ** 4)
    np.testing.assert_allclose(drawn[others], expected, rtol=0.5)


def test_an_items_chance_to_be_in_a_pool_goes_with_how_often_the_log_holds_it() -> None:
    """Two places of a log that is half item 1 and a quarter item 2, and two of ten items drawn."""
    item, n = np.array([1, 2, 1, 3, 1, 2, 1, 4], np.int32), 8
    ones = np.ones(n, np.float32)
    rows = Interactions(np.arange(n), np.repeat([0, 1], 4).astype(np.int32), item, ones, ones, ones, np.zeros(n, np.bool_))
    batch = TrainingSequences(rows, 2, None, 2, 50).batch([Window(0, 2, 4, False)])
    pools, chance = Pools(rows, 10, config(1, negatives=2)), {}
    for seed in range(20):
        pool = pools.of(batch, torch.Generator().manual_seed(seed))
        chance |= dict(zip(pool.rows.tolist(), pool.log_inclusion.exp().tolist(), strict=True))
    assert chance == {**dict.fromkeys(range(5, 10), pytest.approx(0.2)), 1: 1.0, 2: pytest.approx(0.7), **dict.fromkeys((3, 4), pytest.approx(0.45))}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_batch_without_clicks_and_one_of_a_single_row_have_a_gradient_of_numbers(
    objective: Objective, dataset: ProcessedDataset, inputs: Inputs, model: DSSM
) -> None:
    quiet = dataset.train.take(dataset.train.label == 0)
    for rows in (quiet, dataset.train.take(np.array([0]))):
        sequences = TrainingSequences(rows, len(dataset.users), None, MAX_EVENTS, 50)
        step = objective_step(model, inputs, rows, sequences, objective, config(20_000), NOTHING_HIDDEN)
        for windows in sequences.batches(np.random.default_rng(0))[:2]:
            loss = step(windows, torch.Generator().manual_seed(0))
            model.zero_grad()
            loss.backward()
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            assert bool(loss.isfinite())
            assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_hiding_everything_leaves_nothing_to_tell_users_by_but_what_they_did(
    objective: Objective, dataset: ProcessedDataset, inputs: Inputs, model: DSSM, sequences: TrainingSequences, windows: list[Window]
) -> None:
    """With all ids and tags hidden, their embeddings are not pulled at, those of the unknown rows are."""
    everything_hidden = NOTHING_HIDDEN.model_copy(update={"unknown_rate": 1.0})
    step = objective_step(model, inputs, dataset.train, sequences, objective, config(20_000), everything_hidden)
    model.zero_grad()
    step(windows, torch.Generator().manual_seed(0)).backward()
    assert model.embedding.weight.grad is not None
    pulled = model.embedding.weight.grad.abs().sum(1) > 0
    n_fields = inputs.vocabulary.n_fields
    assert pulled[:n_fields].all()
    assert not pulled[n_fields:].any()
