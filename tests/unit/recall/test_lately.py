"""What a bundle keeps of each user's latest events gives, at request time, the very vector that the export computed."""

from __future__ import annotations

import numpy as np
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import ProcessedDataset
from homefeed.config import RecallConfig, TrainConfig
from homefeed.core.progress import Silent
from homefeed.features.encoder import encode
from homefeed.features.history import bucket_of
from homefeed.models.tower import item_vectors, user_vector
from homefeed.recall.moment import channels_of, known_rows, lately_of
from homefeed.serving.guests import one_user
from homefeed.training.recall_dssm import train_recall

MAX_EVENTS = 8


@pytest.fixture(scope="module", params=["global", "per-user"])
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[ProcessedDataset, Checkpoint]:
    dataset = processed_shop(tmp_path_factory.mktemp("shop"), etl={"split": request.param})
    config = RecallConfig(output_dim=8, max_epochs=1, max_events=MAX_EVENTS)
    return dataset, train_recall(dataset, "pointwise", config, TrainConfig(), refit=True, progress=Silent()).served


def test_the_vector_at_request_time_is_that_of_the_export(fitted: tuple[ProcessedDataset, Checkpoint]) -> None:
    dataset, recall = fitted
    lately, model = lately_of(dataset, recall), recall.model
    exported = channels_of(dataset, recall, np.arange(len(dataset.users)))
    items = item_vectors(model, encode(dataset.items, model.vocabulary, model.item_scale, dataset.users.n_fields))
    for user in range(len(dataset.users)):
        asked = user_vector(model, encode(one_user(dataset.users, user), model.vocabulary, model.user_scale, 0), lately.of(user), items)
        np.testing.assert_allclose(asked, exported.users[user].numpy(), rtol=0.03, atol=0.03)  # torch may encode in half precision


def test_the_latest_events_are_kept_in_their_order_and_no_more(fitted: tuple[ProcessedDataset, Checkpoint]) -> None:
    dataset, recall = fitted
    rows, lately = known_rows(dataset, recall), lately_of(dataset, recall)
    for user in range(len(dataset.users)):
        own = rows.user == user
        order = np.argsort(rows.ts_us[own], kind="stable")[-MAX_EVENTS:]
        kept = lately.of(user)
        assert kept.gap[:-1].tolist() == bucket_of(np.diff(rows.ts_us[own][order]) / 1e6).tolist()
        assert kept.item.tolist() == rows.item[own][order].tolist()
        assert kept.clicked.tolist() == (rows.label[own][order] > 0).tolist()
    assert len(lately.item) > 0
    assert (lately.item.dtype, lately.gap.dtype) == (np.int32, np.uint8)
    assert lately.of(0).item.tolist() == []
