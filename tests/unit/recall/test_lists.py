"""Merged lists of all users: what may not be listed is not, and no list is shorter than the catalogue allows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from homefeed.artifacts.bundle import SeenItems
from homefeed.artifacts.processed import Interactions
from homefeed.config import ExportConfig
from homefeed.core.candidates import DSSM, HOT
from homefeed.core.progress import Silent
from homefeed.models.channels.blend import DSSM_ALONE, Blend
from homefeed.models.channels.scores import Channels
from homefeed.recall.lists import MergedLists, clicked_items, hot_items, merged_lists

N_USERS, N_ITEMS = 30, 200


def seen_of(sets: dict[int, list[int]], n_users: int = N_USERS) -> SeenItems:
    items = [np.array(sorted(sets.get(user, ())), np.int32) for user in range(n_users)]
    return SeenItems(np.cumsum([0, *map(len, items)]).astype(np.int64), np.concatenate(items))


def lists(available: np.ndarray, hotness: np.ndarray, seen: SeenItems, blend: Blend = DSSM_ALONE, **export: int) -> MergedLists:
    """By what the recall model says alone, hot items from the first place on, unless a test says otherwise."""
    generator = torch.Generator().manual_seed(1)
    users, items = torch.randn(N_USERS, 8, generator=generator), torch.randn(N_ITEMS + 1, 8, generator=generator)
    channels = Channels(users, items, {"hot": np.log1p(hotness)}, {}, {})
    config = ExportConfig(**{"hot_from": 0} | export)
    return merged_lists(channels, blend, hot_items(hotness, available, config.hot_size), available, seen, config, Silent())


@pytest.fixture
def hotness() -> np.ndarray:
    return np.random.default_rng(2).gamma(1, 1, N_ITEMS + 1).astype(np.float32)


def test_hot_items_are_the_available_ones_by_hotness_and_never_the_unknown_item() -> None:
    hotness = np.array([9, 1, 5, 7, 3], np.float32)
    available = np.array([True, True, True, False, True])
    assert hot_items(hotness, available, 10).tolist() == [2, 4, 1]
    assert hot_items(hotness, available, 2).tolist() == [2, 4]


def test_a_list_is_full_and_distinct_though_its_user_has_seen_half_of_the_catalogue(hotness: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    seen = {user: rng.choice(np.arange(1, N_ITEMS + 1), 90, replace=False).tolist() for user in range(1, N_USERS, 2)}
    seen[3] = [int(row) for row in np.argsort(-hotness[1:])[:90] + 1]
    available = np.arange(N_ITEMS + 1) % 20 != 7
    merged = lists(available, hotness, seen_of(seen))
    for user in range(N_USERS):
        listed = merged.items[user].tolist()
        assert len(set(listed)) == 100
        assert 0 not in listed
        assert available[merged.items[user]].all()
        assert not set(listed) & set(seen.get(user, ()))


def test_places_of_hot_items_stay_though_the_user_has_seen_the_hottest(hotness: np.ndarray) -> None:
    hottest = (np.argsort(-hotness[1:])[:15] + 1).tolist()
    merged = lists(np.ones(N_ITEMS + 1, np.bool_), hotness, seen_of({4: hottest}))
    for user in (4, 5):
        assert merged.sources[user].tolist() == [DSSM, DSSM, DSSM, DSSM, HOT] * 20


def test_hot_items_begin_after_the_users_own_first_places(hotness: np.ndarray) -> None:
    merged = lists(np.ones(N_ITEMS + 1, np.bool_), hotness, seen_of({}), hot_from=50)
    for user in range(N_USERS):
        assert merged.sources[user].tolist() == [DSSM] * 50 + [DSSM, DSSM, DSSM, DSSM, HOT] * 10


def test_a_users_own_order_is_that_of_the_blend_and_each_item_says_what_spoke_loudest_for_it(hotness: np.ndarray) -> None:
    available, seen = np.ones(N_ITEMS + 1, np.bool_), seen_of({2: [5, 6]})
    alone, with_hot, hot_only = (lists(available, hotness, seen, Blend(w), hot_from=100) for w in ({"dssm": 1.0}, {"dssm": 1.0, "hot": 2.0}, {"hot": 1.0}))
    by_heat = (np.argsort(-hotness[1:], kind="stable") + 1).tolist()
    assert hot_only.items[2].tolist() == [item for item in by_heat if item not in (5, 6)][:100]
    assert set(hot_only.sources.ravel().tolist()) == {HOT}
    assert set(alone.sources[:, :-1].ravel().tolist()) == {DSSM}
    assert set(alone.sources[:, -1].tolist()) == {HOT}, "every list holds what is hot"
    assert set(with_hot.sources.ravel().tolist()) == {DSSM, HOT}
    heat = [np.log1p(hotness[merged.items[:, :20]]).mean() for merged in (alone, with_hot, hot_only)]
    assert heat == sorted(heat)


def test_a_small_catalogue_gives_all_it_has(hotness: np.ndarray) -> None:
    available = np.arange(N_ITEMS + 1) <= 50
    merged = lists(available, hotness, seen_of({2: list(range(1, 11))}))
    assert sorted(merged.items[1][merged.items[1] > 0].tolist()) == list(range(1, 51))
    assert sorted(merged.items[2][merged.items[2] > 0].tolist()) == list(range(11, 51))


def test_clicked_items_are_label_1_rows_unless_the_shop_shows_them_again() -> None:
    rows = Interactions(
        np.arange(5), np.array([1, 1, 2, 1, 1], np.int32), np.array([3, 4, 3, 3, 5], np.int32), np.array([1, 0, 1, 1, 1], np.float32),
        np.ones(5, np.float32), np.ones(5, np.float32), np.zeros(5, np.bool_),
    )  # fmt: skip
    seen = clicked_items(rows, 4, exclude=True)
    assert [seen.of(user).tolist() for user in range(4)] == [[], [3, 5], [3], []]
    assert len(clicked_items(rows, 4, exclude=False).items) == 0


def test_who_has_seen_the_whole_catalogue_is_shown_what_is_hot(hotness: np.ndarray) -> None:
    everything, available = list(range(1, N_ITEMS + 1)), np.ones(N_ITEMS + 1, np.bool_)
    merged = lists(available, hotness, seen_of({2: everything, 3: everything[:-3]}), list_size=10)
    assert merged.items[2].tolist() == hot_items(hotness, available, 10).tolist()
    assert set(merged.sources[2].tolist()) == {HOT}
    assert set(merged.items[3].tolist()) == {0, *everything[-3:]}
