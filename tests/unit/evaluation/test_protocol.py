from __future__ import annotations

import numpy as np
from planted_dataset import dataset

from homefeed.evaluation.baselines import HOTNESS, POPULARITY, RANDOM, baseline_lists
from homefeed.evaluation.protocol import evaluated_users, protocol_of

TRAIN = [(1, 1, 1), (1, 2, 0), (2, 1, 1), (2, 3, 1), (4, 1, 0)]
TEST = [(1, 1, 1), (1, 3, 1), (1, 3, 1), (2, 1, 1), (3, 4, 1), (3, 5, 1), (4, 2, 0)]


def test_users_are_those_with_a_click_that_a_list_could_have_held() -> None:
    assert evaluated_users(dataset(4, 5, TRAIN, TEST)).tolist() == [1, 3]
    assert evaluated_users(dataset(4, 5, TRAIN, TEST, seen="keep")).tolist() == [1, 2, 3]


def test_relevant_items_are_distinct_and_without_those_seen() -> None:
    protocol = protocol_of(dataset(4, 5, TRAIN, TEST))
    assert protocol.relevant.items.tolist() == [3, 4, 5]
    assert protocol.relevant.offsets.tolist() == [0, 1, 3]
    assert protocol.seen.items.tolist() == [1]


def test_a_shop_that_shows_items_again_keeps_them_relevant_and_nothing_seen() -> None:
    protocol = protocol_of(dataset(4, 5, TRAIN, TEST, seen="keep"))
    assert protocol.relevant.items.tolist() == [1, 3, 1, 4, 5]
    assert not len(protocol.seen.items)


def test_warm_is_a_user_with_any_train_row() -> None:
    assert protocol_of(dataset(4, 5, TRAIN, [(1, 3, 1), (3, 4, 1), (4, 2, 1)])).warm.tolist() == [True, False, True]


def test_unavailable_items_are_neither_relevant_nor_listed() -> None:
    shop = dataset(4, 5, TRAIN, TEST, sold_out=[3, 4])
    protocol = protocol_of(shop)
    assert protocol.users.tolist() == [3]
    assert protocol.relevant.items.tolist() == [5]
    for ranked in baseline_lists(protocol, shop.facts, 5, np.random.default_rng(0)).values():
        assert set(ranked[0].tolist()) == {0, 1, 2, 5}


def test_popularity_and_hotness_are_ordered_without_what_the_user_has_seen() -> None:
    hotness = np.array([9, 1, 2, 3, 4, 5], np.float32)
    shop = dataset(4, 5, TRAIN, TEST, hotness=hotness)
    lists = baseline_lists(protocol_of(shop), shop.facts, 4, np.random.default_rng(0))
    assert lists[POPULARITY].tolist() == [[3, 2, 4, 5], [1, 3, 2, 4]]
    assert lists[HOTNESS].tolist() == [[5, 4, 3, 2], [5, 4, 3, 2]]


def test_lists_end_in_zeros_where_the_catalogue_ends() -> None:
    shop = dataset(4, 5, TRAIN, TEST)
    for ranked in baseline_lists(protocol_of(shop), shop.facts, 7, np.random.default_rng(0)).values():
        assert sorted(ranked[0].tolist()) == [0, 0, 0, 2, 3, 4, 5]
        assert ranked[0, 4:].tolist() == [0, 0, 0]


def test_random_lists_hold_every_item_equally_often_at_every_place_and_none_twice() -> None:
    n_users, n_items = 6000, 12
    shop = dataset(n_users, n_items, [], [(u, 1 + u % n_items, 1) for u in range(1, n_users + 1)])
    ranked = baseline_lists(protocol_of(shop), shop.facts, 5, np.random.default_rng(1))[RANDOM]
    assert all(len(set(row)) == 5 for row in ranked.tolist())
    for place in range(5):
        share = np.bincount(ranked[:, place], minlength=n_items + 1)[1:] / n_users
        np.testing.assert_allclose(share, 1 / n_items, atol=0.02)


def test_users_with_a_long_past_still_get_full_lists_of_what_is_left() -> None:
    n_items = 300
    train = [(1, i, 1) for i in range(1, n_items - 4)]
    shop = dataset(1500, n_items, train, [(u, n_items, 1) for u in range(1, 1501)])
    protocol = protocol_of(shop)
    for ranked in baseline_lists(protocol, shop.facts, 10, np.random.default_rng(2)).values():
        assert set(ranked[0].tolist()) == {0, *range(n_items - 4, n_items + 1)}
        assert (ranked[1:] > 0).all()
