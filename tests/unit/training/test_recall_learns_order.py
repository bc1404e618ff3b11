"""A shop where the next click follows from the last one and from nothing else: popularity is blind there, the user tower is not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hand_shop import Row, hand_shop

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.config import RecallConfig, TrainConfig
from homefeed.core.progress import Silent
from homefeed.features.encoder import encode
from homefeed.features.history import bucket_of
from homefeed.models.lookup import one_row
from homefeed.models.tower import History, item_vectors, user_vector
from homefeed.training.recall_dssm import Objective, train_recall
from homefeed.training.three_fits import Fitted

N_USERS, NEWCOMERS, N_ITEMS, ROUNDS = 240, 30, 30, 12
NEWCOMER_CLICKS = 3
TOP = 5
MIN_COUNT = 5
"""More rows than a newcomer has: no id embedding."""
TINY = RecallConfig(output_dim=16, max_events=8, dropout=0.0, max_epochs=20, patience=8, batch_events=150, negatives=16, learning_rate=0.01)


def follower() -> npt.NDArray[np.int32]:
    """int32[N_ITEMS + 1]: which item follows each, all of them in one ring in random order; row 0 is no item."""
    order = np.random.default_rng(3).permutation(N_ITEMS) + 1
    after = np.zeros(N_ITEMS + 1, np.int32)
    after[order] = np.roll(order, -1)
    return after


AFTER = follower()


def ordered_shop() -> ProcessedDataset:
    """A click an hour and user, the first one anywhere; newcomers come in the last hours. The test side is the hour after."""
    n_users = N_USERS + NEWCOMERS
    at = np.random.default_rng(0).integers(1, N_ITEMS + 1, n_users + 1)
    rows: list[Row] = []
    for hour in range(ROUNDS + 1):
        here = np.arange(1, 1 + (n_users if hour >= ROUNDS - NEWCOMER_CLICKS else N_USERS))
        rows += [(int(user), int(at[user]), 1, hour) for user in here]
        at[here] = AFTER[at[here]]
    train, test = ([row for row in rows if (row[3] == ROUNDS) == late] for late in (False, True))
    return hand_shop(n_users, N_ITEMS, train, test)


@pytest.fixture(scope="module")
def shop() -> ProcessedDataset:
    return ordered_shop()


CASES: list[tuple[Objective, int]] = [("pointwise", 20_000), ("inbatch", 20_000), ("pointwise", 1), ("inbatch", 1)]


@pytest.fixture(scope="module", params=CASES, ids=["pointwise", "inbatch", "pointwise, drawn negatives", "inbatch, drawn negatives"])
def fitted(request: pytest.FixtureRequest, shop: ProcessedDataset) -> Fitted:
    objective, full_softmax_items = request.param
    settings = TINY.model_copy(update={"full_softmax_items": full_softmax_items})
    return train_recall(shop, objective, settings, TrainConfig(min_count=MIN_COUNT), refit=False, progress=Silent())


HOUR = bucket_of(np.array([3600.0]))[0]


def scores(fitted: Fitted, shop: ProcessedDataset, user: int, clicks: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """float32[N_ITEMS + 1]: what a request would find for a user who clicked these, an hour apart, the last one just now."""
    weights = fitted.reported.model
    users, items = encode(shop.users, weights.vocabulary, weights.user_scale, 0), encode(shop.items, weights.vocabulary, weights.item_scale, 1)
    vectors, gap = item_vectors(weights, items), np.full(len(clicks), HOUR)
    gap[-1] = 0
    found: npt.NDArray[np.float32] = vectors @ user_vector(weights, one_row(users, user), History(clicks, np.ones(len(clicks), np.bool_), gap), vectors)
    return found


def places(fitted: Fitted, shop: ProcessedDataset) -> npt.NDArray[np.int64]:
    """int64[users]: where in each user's order of the catalogue the item stands that was clicked next, from 1."""
    found = []
    for user, item in zip(shop.test.user, shop.test.item, strict=True):
        said = scores(fitted, shop, int(user), shop.train.item[shop.train.user == user])
        found.append(int((said[1:] > said[item]).sum()) + 1)
    return np.array(found)


def test_popularity_is_blind_here(shop: ProcessedDataset) -> None:
    popular = np.argsort(-shop.facts.clicks_split[1:], kind="stable")[:TOP] + 1
    assert np.isin(shop.test.item, popular).mean() < 0.3


def test_the_next_click_stands_among_the_first(fitted: Fitted, shop: ProcessedDataset) -> None:
    old = places(fitted, shop)[:N_USERS]
    assert (old <= 3).mean() > 0.8
    assert (old <= TOP).mean() > 0.95


def test_three_clicks_and_no_id_embedding_are_enough_for_a_list_of_ones_own(fitted: Fitted, shop: ProcessedDataset) -> None:
    known = fitted.reported.model.vocabulary.row[shop.users.slots[1:, 0]] > 0
    assert known.tolist() == [True] * N_USERS + [False] * NEWCOMERS
    new = places(fitted, shop)[N_USERS:]
    assert len(new) == NEWCOMERS
    assert (new <= TOP).mean() > 0.75


def test_what_was_clicked_last_says_more_than_what_was_clicked_first(fitted: Fitted, shop: ProcessedDataset) -> None:
    """The same two clicks of a stranger, in either order: a model that is blind to it is right exactly every other time."""
    ahead = []
    for one in range(1, N_ITEMS):
        said = scores(fitted, shop, 0, np.array([one, one + 1], np.int32)), scores(fitted, shop, 0, np.array([one + 1, one], np.int32))
        ahead += [last[AFTER[b]] > last[AFTER[a]] for last, a, b in ((said[0], one, one + 1), (said[1], one + 1, one))]
    assert np.mean(ahead) > 0.65


def test_the_search_leaves_the_lists_of_its_slice_and_the_weights_of_the_channels(fitted: Fitted, shop: ProcessedDataset) -> None:
    """In the slice's last round everybody clicked the follower of the last click before it."""
    lists = fitted.validation_lists
    assert lists is not None
    assert sorted(lists.users.tolist()) == sorted(set(shop.test.user.tolist()))
    assert lists.items.shape[1] <= N_ITEMS + 1
    assert fitted.reported.model.config["blend"]["dssm"] > 0
    assert fitted.reported.model.config["blend"] == fitted.served.model.config["blend"]
