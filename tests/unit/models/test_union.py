"""The blend over a large catalogue: where every channel names all it has, it is the dense blend; where they name few, it is the dense one among those."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.core.progress import Silent
from homefeed.features.history import histories_of
from homefeed.models.channels.blend import Blend
from homefeed.models.channels.scores import Channels, channels_at
from homefeed.models.channels.union import Union, user_blocks
from homefeed.models.index import search_over

N_USERS, N_ITEMS, DIM, N_EVENTS = 6, 60, 4, 120
NAMES = ("hot", "lately_hot", "again", "in_vain", "i2i", "viewed")
WEIGHTS = st.fixed_dictionaries({"dssm": st.floats(0.1, 2), **{name: st.floats(-2, 2) for name in NAMES}})


class Shop:
    def __init__(self, seed: int, weights: dict[str, float], seen_share: float) -> None:
        rng = np.random.default_rng(seed)
        user, item = rng.integers(0, N_USERS, N_EVENTS).astype(np.int32), rng.integers(1, N_ITEMS, N_EVENTS).astype(np.int32)
        histories = histories_of(user, item, rng.random(N_EVENTS) < 0.6, rng.integers(0, 10**9, N_EVENTS), N_USERS)
        users, items = (torch.from_numpy(rng.normal(size=(n, DIM)).astype(np.float32)) for n in (N_USERS, N_ITEMS))
        self.channels: Channels = channels_at(users, items, histories, np.arange(N_USERS), again=True)
        self.blend = Blend(weights)
        self.forbidden = rng.random(N_ITEMS) < 0.1
        self.forbidden[0] = True
        seen = [np.flatnonzero(rng.random(N_ITEMS) < seen_share).astype(np.int32) for _ in range(N_USERS)]
        self.seen = (np.cumsum([0, *map(len, seen)]).astype(np.int64), np.concatenate(seen))
        self.search = search_over(items.numpy(), ~self.forbidden, users.numpy(), Silent())

    def union(self, part: slice, size: int) -> tuple[Any, Any]:
        return Union.of(self.blend, self.channels, self.search, self.forbidden, self.seen).best(part, size)

    def dense(self, part: slice, size: int) -> tuple[Any, Any]:
        return self.blend.best(self.channels, part, self.forbidden, self.seen, size)

    def scores(self, part: slice) -> np.ndarray:
        total: np.ndarray = np.sum(list(self.blend.by_source(self.channels, part).values()), axis=0)
        return total


@given(seed=st.integers(0, 10**6), weights=WEIGHTS, seen_share=st.sampled_from([0.0, 0.2, 0.9]), start=st.integers(0, N_USERS - 1))
@settings(max_examples=80, deadline=None)
def test_channels_that_name_everything_give_the_dense_blend(seed: int, weights: dict[str, float], seen_share: float, start: int) -> None:
    shop, part = Shop(seed, weights, seen_share), slice(start, N_USERS)
    (items, sources), (dense, dense_sources) = shop.union(part, N_ITEMS), shop.dense(part, N_ITEMS)
    scores = shop.scores(part)
    np.testing.assert_array_equal(items > 0, dense > 0)
    for mine, theirs, of in zip(items, dense, scores, strict=True):
        np.testing.assert_allclose(of[mine[mine > 0]], of[theirs[theirs > 0]], rtol=1e-4, atol=1e-4)  # equal scores may change places
        assert set(mine) == set(theirs)
    same = (items == dense) & (items > 0)
    assert (sources == dense_sources)[same].mean() > 0.95 if same.any() else True


@given(seed=st.integers(0, 10**6), weights=WEIGHTS, size=st.integers(1, 15))
@settings(max_examples=80, deadline=None)
def test_a_short_list_is_the_dense_order_of_what_it_holds_and_takes_every_channels_first(seed: int, weights: dict[str, float], size: int) -> None:
    shop, part = Shop(seed, weights, 0.2), slice(0, N_USERS)
    items, scores = shop.union(part, size)[0], shop.scores(part)
    best = shop.dense(part, N_ITEMS)[0]
    near = shop.search.find(shop.channels.users.numpy(), N_ITEMS)
    for user, mine in enumerate(items):
        hidden = {0, *shop.seen[1][shop.seen[0][user] : shop.seen[0][user + 1]].tolist()}
        held = [int(item) for item in mine if item]
        assert len(set(held)) == len(held) == min(size, len(set(best[user].tolist()) - {0}))
        assert not hidden & set(held)
        assert not shop.forbidden[held].any()
        values = scores[user][held]
        assert (np.diff(values) <= 1e-4).all()
        nearest = next(int(item) for item in near[user] if int(item) not in hidden)
        assert scores[user][nearest] <= values[0] + 1e-4
        assert nearest in held or scores[user][nearest] <= values[-1] + 1e-4


def test_blocks_of_users_are_all_of_them_once() -> None:
    assert [user for part in user_blocks(200) for user in range(part.start, part.stop)] == list(range(200))
    assert list(user_blocks(0)) == []
