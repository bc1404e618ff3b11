"""What each channel says of a small shop, and how the blend adds it up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from homefeed.core import candidates
from homefeed.features.history import Histories, histories_of
from homefeed.models.channels import scores as scores_module
from homefeed.models.channels.blend import DSSM_ALONE, SOURCE_OF, Blend
from homefeed.models.channels.item_to_item import cosine, ease, user_item
from homefeed.models.channels.scores import (
    AGAIN,
    DSSM,
    HALF_LIVES,
    HOT,
    IN_VAIN,
    ITEM_TO_ITEM,
    LATELY_HOT,
    UNSEEN_CLICKS,
    VIEWED_TOGETHER,
    Channels,
    channels_at,
)

N_USERS, N_ITEMS, SPAN_US = 5, 7, 1_000_000


def shop(in_vain: bool = True) -> Histories:
    rng = np.random.default_rng(3)
    user, item = rng.integers(1, N_USERS, 40).astype(np.int32), rng.integers(1, N_ITEMS, 40).astype(np.int32)
    clicked = rng.random(40) < 0.6 if in_vain else np.ones(40, np.bool_)
    ts = np.concatenate([[0, SPAN_US], rng.integers(0, SPAN_US, 38)])
    return histories_of(user, item, clicked, ts, N_USERS)


def channels(histories: Histories, rows: list[int], *, again: bool = True) -> Channels:
    generator = torch.Generator().manual_seed(0)
    users, items = torch.randn(len(rows), 3, generator=generator), torch.randn(N_ITEMS, 3, generator=generator)
    return channels_at(users, items, histories, np.array(rows), again=again)


def all_of(found: Channels, name: str) -> np.ndarray:
    return found.block(name, slice(0, len(found)))


@pytest.mark.parametrize(
    ("in_vain", "again", "names"),
    [
        (True, True, {DSSM, HOT, LATELY_HOT, AGAIN, IN_VAIN, ITEM_TO_ITEM, VIEWED_TOGETHER}),
        (True, False, {DSSM, HOT, LATELY_HOT, IN_VAIN, ITEM_TO_ITEM, VIEWED_TOGETHER}),
        (False, True, {DSSM, HOT, LATELY_HOT, AGAIN, ITEM_TO_ITEM}),
        (False, False, {DSSM, HOT, LATELY_HOT, ITEM_TO_ITEM}),
    ],
)
def test_a_shop_has_the_channels_that_its_log_can_tell_of(in_vain: bool, again: bool, names: set[str]) -> None:
    assert set(channels(shop(in_vain), [1, 2], again=again).names) == names


def test_the_recall_model_says_its_dot_product() -> None:
    found = channels(shop(), [3, 1])
    np.testing.assert_allclose(all_of(found, DSSM), (found.users @ found.items.T).numpy())


def test_hot_is_the_log_of_clicks_that_halve_with_time_the_same_for_all() -> None:
    histories = histories_of(
        np.array([1, 1, 2, 3], np.int32), np.array([2, 2, 3, 3], np.int32), np.array([True, True, True, False]), np.array([0, 100, 50, 100]), 4
    )
    found = channels(histories, [0, 2])
    for name, share in HALF_LIVES.items():
        half_life = 100 * share
        expected = np.full(N_ITEMS, UNSEEN_CLICKS)
        expected[2] += 1 + 0.5 ** (100 / half_life)
        expected[3] += 0.5 ** (50 / half_life)
        np.testing.assert_allclose(all_of(found, name), np.log([expected, expected]), rtol=1e-5)


def test_what_nobody_clicked_in_is_hot_nowhere() -> None:
    histories = histories_of(np.array([1], np.int32), np.array([2], np.int32), np.array([False]), np.array([5]), 4)
    found = channels(histories, [1])
    assert not all_of(found, HOT).any()
    assert not all_of(found, ITEM_TO_ITEM).any()


def test_channels_of_a_user_are_about_that_user_whatever_the_order_asked_in() -> None:
    histories = shop()
    few, everybody = channels(histories, [4, 0, 2]), channels(histories, list(range(N_USERS)))
    for name in set(few.names) - {DSSM}:
        np.testing.assert_array_equal(all_of(few, name), all_of(everybody, name)[[4, 0, 2]])
        np.testing.assert_array_equal(few.block(name, slice(1, 3)), all_of(few, name)[1:])


def test_own_events_and_their_neighbours_are_what_the_matrices_say() -> None:
    histories, rows = shop(), [4, 2]
    found, everything = channels(histories, rows), np.ones(len(histories.item), np.bool_)
    clicks = user_item(histories, N_ITEMS, histories.clicked, fading=False)
    np.testing.assert_allclose(all_of(found, AGAIN), user_item(histories, N_ITEMS, histories.clicked, fading=True).toarray()[rows])
    np.testing.assert_allclose(all_of(found, IN_VAIN), user_item(histories, N_ITEMS, ~histories.clicked, fading=False).toarray()[rows])
    near = clicks.toarray()[rows] @ ease(clicks)
    np.testing.assert_allclose(all_of(found, ITEM_TO_ITEM), np.log1p(100 * near.clip(0)), rtol=1e-4, atol=1e-6)
    viewed = cosine(user_item(histories, N_ITEMS, everything, fading=False)).toarray()
    lately = user_item(histories, N_ITEMS, everything, fading=True).toarray()[rows]
    np.testing.assert_allclose(all_of(found, VIEWED_TOGETHER), np.log1p(100 * lately @ viewed), rtol=1e-4)


def test_a_catalogue_too_large_for_ease_has_neighbours_by_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores_module, "EASE_ITEMS", N_ITEMS - 1)
    histories = shop()
    clicks = user_item(histories, N_ITEMS, histories.clicked, fading=False)
    expected = np.log1p(100 * (clicks @ cosine(clicks)).toarray()[[1, 2]])
    np.testing.assert_allclose(all_of(channels(histories, [1, 2]), ITEM_TO_ITEM), expected, rtol=1e-4)


def test_the_blend_is_the_weighted_sum_told_by_source_beyond_an_average_item() -> None:
    found, part = channels(shop(), [1, 2, 3]), slice(1, 3)
    weights = {name: weight for weight, name in enumerate(found.names, start=-2)}
    said = Blend(weights).by_source(found, part)
    total = sum(weight * found.block(name, part) for name, weight in weights.items())
    np.testing.assert_allclose(sum(said.values()), total - total.mean(1, keepdims=True), atol=1e-4)
    for source, share in said.items():
        behind = [name for name in found.names if SOURCE_OF[name] == source and weights[name]]
        own = sum(weights[name] * found.block(name, part) for name in behind)
        np.testing.assert_allclose(share, own - own.mean(1, keepdims=True), atol=1e-4)


def test_a_blend_that_knows_nothing_of_a_channel_leaves_it_out() -> None:
    found = channels(shop(), [1, 2])
    assert list(DSSM_ALONE.by_source(found, slice(0, 2))) == [candidates.DSSM]
    assert set(Blend({DSSM: 1.0, HOT: 0.0, AGAIN: 0.5, "a channel of yesterday": 3.0}).by_source(found, slice(0, 2))) == {candidates.DSSM, candidates.AGAIN}


def test_taking_a_channels_scores_apart_changes_nothing_for_the_next_user() -> None:
    """Scores that are the same for all are no view of one array."""
    found = channels(shop(), [1, 2])
    before = all_of(found, HOT).copy()
    all_of(found, HOT)[:] = 0
    np.testing.assert_array_equal(all_of(found, HOT), before)
