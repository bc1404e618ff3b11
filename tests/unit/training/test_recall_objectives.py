"""One batch's loss against the formula, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from processed_shop import processed_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RecallConfig, TrainConfig
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs, inputs_for
from homefeed.training.recall_objectives import inbatch_step

NOTHING_HIDDEN = TrainConfig(unknown_rate=0.0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def inputs(dataset: ProcessedDataset) -> Inputs:
    return inputs_for(dataset.users, dataset.items, dataset.train.user, dataset.train.item, dataset.map_size, 1)


@pytest.fixture(scope="module")
def model(inputs: Inputs) -> DSSM:
    torch.manual_seed(0)
    model = DSSM(inputs.vocabulary, 8, 16, 8, (inputs.users.n_fields, 0), (inputs.items.n_fields, 0)).eval()
    torch.nn.init.normal_(model.embedding.weight)
    return model


@pytest.fixture(scope="module")
def clicks(dataset: ProcessedDataset) -> Interactions:
    return dataset.train.take(dataset.train.label > 0)


@pytest.mark.parametrize("full_softmax_items", [1, 20_000])
def test_the_in_batch_loss_is_a_softmax_over_distinct_items_corrected_for_how_often_they_are_drawn(
    full_softmax_items: int, dataset: ProcessedDataset, inputs: Inputs, model: DSSM, clicks: Interactions
) -> None:
    step, n_rows = inbatch_step(model, inputs, dataset.train, RecallConfig(full_softmax_items=full_softmax_items), NOTHING_HIDDEN)
    assert n_rows == len(clicks)
    index = torch.arange(24)
    with torch.inference_mode():
        got = float(step(index, torch.Generator()))
        expected = written_out(model, inputs, clicks, index.tolist(), whole=full_softmax_items > 1)
    assert got == pytest.approx(expected, rel=1e-4)


def written_out(model: DSSM, inputs: Inputs, clicks: Interactions, batch: list[int], *, whole: bool) -> float:
    users, items = model.user_vectors(inputs.users).double().numpy(), model.item_vectors(inputs.items).double().numpy()
    scale = float(model.log_scale.exp())
    in_batch = {int(clicks.item[row]) for row in batch}
    pool = range(1, len(items)) if whole else sorted(in_batch)
    often = np.bincount(clicks.item, minlength=len(items)) / len(clicks.item)
    losses = []
    for row in batch:
        user, own = int(clicks.user[row]), int(clicks.item[row])
        logits = {item: scale * float(users[user] @ items[item]) - (0.0 if whole else np.log(often[item])) for item in pool}
        losses.append(np.log(sum(np.exp(logit) for logit in logits.values())) - logits[own])
    return float(np.mean(losses))


def test_the_same_click_twice_in_a_batch_is_no_negative_of_its_own(dataset: ProcessedDataset, inputs: Inputs, model: DSSM, clicks: Interactions) -> None:
    step, _ = inbatch_step(model, inputs, dataset.train, RecallConfig(full_softmax_items=1), NOTHING_HIDDEN)
    one_item = torch.from_numpy(np.flatnonzero(clicks.item == clicks.item[0]))
    assert len(one_item) > 1
    with torch.inference_mode():
        assert float(step(one_item, torch.Generator())) == pytest.approx(0.0, abs=1e-6)
