"""What decides how many epochs a recall model gets: recall over the catalogue, worked out by hand for a model that lists items 1, 2, 3, …"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from hand_shop import HOUR_US, Row, hand_shop, log_rows

from homefeed.models.dimensions import Dimensions
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import Inputs, inputs_for
from homefeed.training.recall_validation import Validation

N_USERS, N_ITEMS, K = 5, 59, 6
"""Six of sixty rows, the unknown one among them: a tenth of the catalogue."""

LEARNED: list[Row] = [(1, 1, 1, 0), (2, 2, 0, 1), (3, 9, 1, 2)]
SLICE: list[Row] = [(1, 7, 1, 3), (2, 7, 1, 3), (3, 1, 1, 3), (3, 50, 1, 4), (4, 1, 0, 3), (3, 1, 1, 5)]
"""What users 1 to 3 go on to click; user 4 is shown something in vain, user 5 is not there."""


def validation(**settings: Any) -> tuple[Validation, Inputs]:
    shop = hand_shop(N_USERS, N_ITEMS, LEARNED + SLICE, [(1, 2, 1, 9)], **settings)
    learned = log_rows(LEARNED)
    inputs = inputs_for(shop.users, shop.items, shop.train.user, np.arange(N_ITEMS + 1, dtype=np.int32), shop.map_size, min_count=1)
    return Validation(shop, learned, log_rows(SLICE)), inputs


def list_from_the_first(inputs: Inputs) -> DSSM:
    """The same order for everybody."""
    model = DSSM(inputs.vocabulary, Dimensions(4, 2, 1, 3, (1, 0), (1, 0)), 0.0)
    with torch.no_grad():
        model.embedding.weight.zero_()
        model.bias.weight[inputs.items.fields[:, 0], 0] = -torch.arange(N_ITEMS + 1.0)
    return model


@pytest.mark.parametrize(
    ("seen", "recall"),
    [
        ("exclude", (1 + 0 + 1 / 2) / 3),  # user 1 has had item 1, so that item 7 is the sixth of that list
        ("keep", (0 + 0 + 1 / 2) / 3),
    ],
)
def test_recall_by_hand(seen: Literal["exclude", "keep"], recall: float) -> None:
    asked, inputs = validation(seen=seen)
    assert asked.k == K
    assert sorted(asked.users.tolist()) == [1, 2, 3]
    assert asked(list_from_the_first(inputs), inputs) == pytest.approx(recall)


def test_what_is_not_for_sale_is_not_listed() -> None:
    """Item 7 comes among the first six of users 1 and 2 once items 1 and 3 are gone, and user 3's item 1 is listed for nobody."""
    asked, inputs = validation(sold_out=[1, 3])
    assert asked(list_from_the_first(inputs), inputs) == pytest.approx((1 + 1 + 0) / 3)


def test_users_are_asked_at_the_end_of_what_was_learned_or_each_at_an_own_moment() -> None:
    assert validation()[0].as_of_us == 2 * HOUR_US
    assert validation(split="per-user")[0].as_of_us is None


def test_histories_hold_what_was_learned_and_nothing_of_the_slice() -> None:
    asked, _ = validation()
    assert asked.histories.item.tolist() == [1, 2, 9]
    assert asked.histories.clicked.tolist() == [True, False, True]
    assert asked.histories.counts().tolist() == [0, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("seen", ["exclude", "keep"])
def test_the_blend_comes_with_the_lists_that_it_makes(seen: Literal["exclude", "keep"]) -> None:
    asked, inputs = validation(seen=seen, sold_out=[4])
    blend, lists = asked.blend(list_from_the_first(inputs), inputs)
    assert {"dssm", "hot"} <= set(blend.weights)
    assert all(np.isfinite(weight) for weight in blend.weights.values())
    assert lists.users.tolist() == asked.users.tolist()
    had = {1: {1}, 3: {9}} if seen == "exclude" else {}
    for user, row in zip(lists.users.tolist(), lists.items, strict=True):
        assert sorted(row[row > 0].tolist()) == sorted(set(range(N_ITEMS + 1)) - {0, 4} - had.get(user, set()))
