from __future__ import annotations

import numpy as np
from planted_dataset import dataset

from homefeed.evaluation.report import Segment
from homefeed.evaluation.segments import ACTIVE_CLICKS, NEW_CLICKS, by_segment, item_segments, user_segments


def test_users_are_parted_by_their_train_clicks() -> None:
    clicks = [(1, item, 1) for item in range(1, ACTIVE_CLICKS + 1)]
    train = clicks + [(2, item, 1) for item in range(1, ACTIVE_CLICKS)] + [(2, 99, 0), (3, 1, 0)]
    masks = {name: np.flatnonzero(mask[1:]).tolist() for name, mask in user_segments(dataset(4, 99, train, [])).items()}
    assert masks == {"all": [0, 1, 2, 3], "warm": [0, 1, 2], "cold": [3], "active": [0], "light": [1, 2]}


def test_hot_items_are_the_fewest_that_hold_half_of_the_clicks() -> None:
    masks = item_segments(np.array([0, 60, 30, 15, NEW_CLICKS, NEW_CLICKS - 1, 0]))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()} == {"new": [0, 5, 6], "mid": [2, 3, 4], "hot": [1]}


def test_a_shop_where_nobody_clicked_has_new_items_only() -> None:
    masks = item_segments(np.zeros(4, np.int64))
    assert masks["new"].all()
    assert not (masks["mid"] | masks["hot"]).any()


def test_every_item_is_of_one_group() -> None:
    clicks = np.random.default_rng(0).zipf(1.3, 500).astype(np.int64) - 1
    assert (np.stack(list(item_segments(clicks).values())).sum(0) == 1).all()


def test_the_same_people_are_measured_once_and_nobody_not_at_all() -> None:
    asked: list[str] = []

    def measure(name: str, mask: np.ndarray) -> Segment:
        asked.append(name)
        return Segment(name, int(mask.sum()), 0, {}, {})

    masks = {"all": np.ones(3, bool), "warm": np.ones(3, bool), "cold": np.zeros(3, bool), "active": np.array([True, False, False])}
    assert [s.users for s in by_segment(masks, measure)] == [3, 3, 0, 1]
    assert asked == ["all", "active"]
