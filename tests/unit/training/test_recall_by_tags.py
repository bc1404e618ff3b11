"""A planted-taste shop: who and what the model knows by tags alone still finds its like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.config import RecallConfig, TrainConfig
from homefeed.core.progress import Silent
from homefeed.features.encoder import encode
from homefeed.models.lookup import one_row
from homefeed.models.tower import NOTHING_YET, item_vectors, user_vector
from homefeed.models.weights import ModelWeights
from homefeed.simulation.planted import KINDS
from homefeed.training.recall_dssm import Objective, train_recall

MIN_COUNT = 20
TINY = RecallConfig(output_dim=16, max_events=12, dropout=0.0, max_epochs=6, patience=6, batch_events=400, learning_rate=0.01)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    """The last two items of each kind have next to no rows on the train side."""
    made = processed_shop(tmp_path_factory.mktemp("data"), users=200, items=24)
    few = np.isin(made.train.item, rare(made)) & (np.arange(len(made.train)) > 60)
    return replace(made, train=made.train.take(~few))


def kinds(dataset: ProcessedDataset) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """int64[U] and int64[N]: each user's taste and each item's kind, -1 for the unknown ones. Raw files hold them in turn; rows follow the map's slots."""
    tastes, own = (np.unique(table.slots[1:, 1], return_inverse=True)[1] for table in (dataset.users, dataset.items))
    liked = np.zeros((KINDS, KINDS))
    rows = dataset.test.take(dataset.test.label > 0)
    np.add.at(liked, (tastes[rows.user - 1], own[rows.item - 1]), 1)
    return np.append(-1, liked.argmax(1)[tastes]), np.append(-1, own)


def rare(dataset: ProcessedDataset) -> npt.NDArray[np.int64]:
    """int64: rows of two items of each kind."""
    kind = np.unique(dataset.items.slots[1:, 1], return_inverse=True)[1]
    return np.concatenate([np.flatnonzero(kind == k)[-2:] + 1 for k in range(KINDS)])


@pytest.fixture(scope="module", params=["pointwise", "inbatch"])
def model(request: pytest.FixtureRequest, dataset: ProcessedDataset) -> ModelWeights:
    objective: Objective = request.param
    return train_recall(dataset, objective, TINY, TrainConfig(min_count=MIN_COUNT), refit=False, progress=Silent()).reported.model


def first_sight(model: ModelWeights, dataset: ProcessedDataset) -> npt.NDArray[np.float32]:
    """float32[U, N]: scores of all items for users who have done nothing yet."""
    users, items = (
        encode(dataset.users, model.vocabulary, model.user_scale, 0),
        encode(dataset.items, model.vocabulary, model.item_scale, dataset.users.n_fields),
    )
    vectors = item_vectors(model, items)
    return np.array([user_vector(model, one_row(users, row), NOTHING_YET, vectors) @ vectors.T for row in range(len(dataset.users))])


def test_items_that_training_hardly_met_have_no_embedding_of_their_own(model: ModelWeights, dataset: ProcessedDataset) -> None:
    known = model.vocabulary.row[dataset.items.slots[:, 0]] > 0
    assert np.flatnonzero(~known[1:] & (np.bincount(dataset.train.item, minlength=len(dataset.items))[1:] > 0)).size > 0
    assert sorted(np.flatnonzero(~known[1:]) + 1) == sorted(rare(dataset))


def test_such_an_item_is_found_by_its_tags(model: ModelWeights, dataset: ProcessedDataset) -> None:
    """Among the six, those of the user's kind come first for nearly everybody who clicks."""
    scores, (taste, kind), few = first_sight(model, dataset), kinds(dataset), rare(dataset)
    active = np.unique(dataset.train.user)
    best = few[np.argsort(-scores[:, few], axis=1)[:, :2]]
    assert (kind[best[active]] == taste[active][:, None]).mean() > 0.85


def test_a_user_who_never_came_gets_a_list_by_tags(model: ModelWeights, dataset: ProcessedDataset) -> None:
    scores, (taste, kind) = first_sight(model, dataset), kinds(dataset)
    never = np.setdiff1d(np.arange(1, len(dataset.users)), [*dataset.train.user, *dataset.test.user])
    assert len(never) == 6
    best = np.argsort(-scores[never][:, 1:], axis=1)[:, :5] + 1
    assert (kind[best] == taste[never][:, None]).mean() > 0.9


def test_whom_and_what_nobody_knows_scores_as_well(model: ModelWeights, dataset: ProcessedDataset) -> None:
    """Row 0 of both tables: no id, no tag."""
    scores = first_sight(model, dataset)
    assert np.isfinite(scores).all()
    assert np.ptp(scores[0, 1:]) > 0
