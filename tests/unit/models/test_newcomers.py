"""Users who have done nothing yet are weighed by a blend of their own: in lists of small and of large catalogues, and at request time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from homefeed.core import candidates
from homefeed.core.progress import Silent
from homefeed.models.channels.blend import Blend
from homefeed.models.channels.folded import item_boost, newcomers_scores
from homefeed.models.channels.names import AGAIN, DSSM, HOT, ITEM_TO_ITEM, LATELY_HOT
from homefeed.models.channels.scores import Channels
from homefeed.models.channels.union import Union
from homefeed.models.index import search_over

N_USERS, N_ITEMS = 6, 30
NEW = np.array([True, False, True, False, False, True])
"""User 3 has clicked nothing, and was shown something: known all the same."""
EVERYBODY, NOTHING = slice(0, N_USERS), (np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
FORBIDDEN = np.arange(N_ITEMS) == 0
KNOWN, NEWCOMERS = {DSSM: 1.0, HOT: 0.1, AGAIN: 2.0, ITEM_TO_ITEM: 1.0}, {DSSM: 0.2, HOT: -0.4, LATELY_HOT: 1.5}


def some(shape: tuple[int, int], rows: np.ndarray, rng: np.random.Generator) -> sparse.csr_matrix:
    """About a third of the cells of these rows, at least one each."""
    cells = rng.random(shape) * (rng.random(shape) < 0.3)
    cells[:, 5] += 0.1
    cells[~rows] = 0
    return sparse.csr_matrix(cells.astype(np.float32))


def shop(seed: int = 0) -> Channels:
    rng = np.random.default_rng(seed)
    users, items = (torch.from_numpy(rng.normal(size=(n, 4)).astype(np.float32)) for n in (N_USERS, N_ITEMS))
    hot = {name: rng.normal(size=N_ITEMS).astype(np.float32) for name in (HOT, LATELY_HOT)}
    clicked = ~NEW & (np.arange(N_USERS) != 3)
    by_user = {AGAIN: some((N_USERS, N_ITEMS), clicked, rng), "in_vain": some((N_USERS, N_ITEMS), ~NEW, rng)}
    near = some((N_ITEMS, N_ITEMS), np.ones(N_ITEMS, np.bool_), rng)
    return Channels(users, items, hot, by_user, {ITEM_TO_ITEM: (some((N_USERS, N_ITEMS), clicked, rng), near)})


@pytest.mark.parametrize("part", [EVERYBODY, slice(1, 4), slice(3, 3)], ids=str)
def test_newcomers_are_those_without_any_event(part: slice) -> None:
    assert shop().newcomers(part).tolist() == NEW[part].tolist()


def test_where_channels_know_nobody_everybody_is_new() -> None:
    known = shop()
    assert Channels(known.users, known.items, known.for_all, {}, {}).newcomers(EVERYBODY).tolist() == [True] * N_USERS


@pytest.mark.parametrize("part", [EVERYBODY, slice(2, 5)], ids=str)
def test_each_user_gets_the_list_of_the_own_blend(part: slice) -> None:
    channels, new = shop(), NEW[part]
    both, sources = Blend(KNOWN, NEWCOMERS).best(channels, part, FORBIDDEN, NOTHING, 12)
    known, known_sources = Blend(KNOWN).best(channels, part, FORBIDDEN, NOTHING, 12)
    unknown, unknown_sources = Blend(NEWCOMERS).best(channels, part, FORBIDDEN, NOTHING, 12)
    np.testing.assert_array_equal(both[new], unknown[new])
    np.testing.assert_array_equal(both[~new], known[~new])
    np.testing.assert_array_equal(sources[new], unknown_sources[new])
    np.testing.assert_array_equal(sources[~new], known_sources[~new])
    assert (known[new] != unknown[new]).any()


def test_without_a_blend_of_their_own_newcomers_are_weighed_like_everybody() -> None:
    channels = shop()
    alike, unsaid = (blend.best(channels, EVERYBODY, FORBIDDEN, NOTHING, 9) for blend in (Blend(KNOWN, KNOWN), Blend(KNOWN)))
    for one, other in zip(alike, unsaid, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_channel_that_knows_nothing_of_a_newcomer_is_never_the_source() -> None:
    """Not for the worst items either, against which all others speak."""
    _, sources = Blend(KNOWN, NEWCOMERS).best(shop(), EVERYBODY, FORBIDDEN, NOTHING, N_ITEMS)
    assert set(sources[NEW].ravel().tolist()) == {candidates.DSSM, candidates.HOT}
    assert candidates.AGAIN in sources[~NEW]


@pytest.mark.parametrize("seed", range(8))
def test_over_a_large_catalogue_newcomers_have_the_same_lists(seed: int) -> None:
    channels, blend = shop(seed), Blend(KNOWN, NEWCOMERS)
    search = search_over(channels.items.numpy(), ~FORBIDDEN, channels.users.numpy(), Silent())
    items, sources = Union.of(blend, channels, search, FORBIDDEN, NOTHING).best(EVERYBODY, N_ITEMS)
    dense, dense_sources = blend.best(channels, EVERYBODY, FORBIDDEN, NOTHING, N_ITEMS)
    np.testing.assert_array_equal(items[items > 0], dense[dense > 0])
    np.testing.assert_array_equal(sources[items > 0], dense_sources[dense > 0])


def test_over_a_large_catalogue_what_newcomers_find_hot_is_named_for_them() -> None:
    """The hottest by everybody's weights are others, and with so short a list only what is named first can stand in it."""
    channels = shop()
    search = search_over(channels.items.numpy(), ~FORBIDDEN, channels.users.numpy(), Silent())
    items, _ = Union.of(Blend({DSSM: 1.0, HOT: 1.0}, {LATELY_HOT: 1.0}), channels, search, FORBIDDEN, NOTHING).best(EVERYBODY, 2)
    assert items[NEW].tolist() == [(1 + np.argsort(-channels.for_all[LATELY_HOT][1:])[:2]).tolist()] * 3


@given(weights=st.fixed_dictionaries({name: st.floats(-3, 3) for name in (DSSM, HOT, LATELY_HOT)}), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_at_request_time_a_newcomers_scores_are_the_blends_whatever_its_weights(weights: dict[str, float], seed: int) -> None:
    channels = shop(seed)
    blended = np.sum(list(Blend(KNOWN, weights).by_source(channels, EVERYBODY).values()), axis=0)
    boost = item_boost(KNOWN, channels.for_all, weights)
    for user in np.flatnonzero(NEW):
        scores = newcomers_scores(channels.items.numpy() @ channels.users[user].numpy(), weights, boost)
        np.testing.assert_allclose(scores - scores.mean(), np.broadcast_to(blended, (N_USERS, N_ITEMS))[user], rtol=1e-3, atol=1e-3)


def test_boosts_are_two_where_there_are_two_blends() -> None:
    heat = {HOT: np.array([0, 1, 2], np.float32)}
    assert item_boost({DSSM: 0.5, HOT: 1.0}, heat).tolist() == [0, 2, 4]
    assert item_boost({DSSM: 0.5, HOT: 1.0}, heat, {DSSM: 0.0, HOT: 3.0}).tolist() == [[0, 2, 4], [0, 3, 6]]
