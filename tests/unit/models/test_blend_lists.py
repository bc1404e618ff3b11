"""Lists of the blend: each user's best, without what may not be listed, and who spoke loudest for each item."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse

from homefeed.core import candidates
from homefeed.models.channels.blend import BLOCK_SCORES, Blend, blocks
from homefeed.models.channels.scores import AGAIN, DSSM, HOT, LATELY_HOT, Channels

N_USERS, N_ITEMS = 9, 25
NOTHING = (np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
NO_ITEM = np.arange(N_ITEMS) == 0
EVERYBODY = slice(0, N_USERS)


def planted_channels(seed: int = 0) -> Channels:
    rng = np.random.default_rng(seed)
    users, items = (torch.from_numpy(rng.normal(size=(n, 4)).astype(np.float32)) for n in (N_USERS, N_ITEMS))
    hot = {name: rng.normal(size=N_ITEMS).astype(np.float32) for name in (HOT, LATELY_HOT)}
    return Channels(users, items, hot, {AGAIN: sparse.random(N_USERS, N_ITEMS, 0.2, "csr", np.float32, rng)}, {})


WEIGHTS = {DSSM: 1.0, HOT: 0.5, LATELY_HOT: 0.7, AGAIN: 2.0}


def by_hand() -> Channels:
    """Two users, four items besides the unknown one. User 0 wants item 1 a little, user 1 item 2 much; item 3 is hot; user 1 has had item 4."""
    users = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    items = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0], [0.0, 0.0], [0.0, 0.0]])
    again = sparse.csr_matrix(np.array([[0, 0, 0, 0, 0], [0, 0, 0, 0, 3.0]], np.float32))
    return Channels(users, items, {HOT: np.array([0, 0, 0, 2.0, 0], np.float32)}, {AGAIN: again}, {})


def test_the_best_and_the_loudest_by_hand() -> None:
    nobody = (np.zeros(3, np.int64), np.zeros(0, np.int32))
    found, source = Blend({DSSM: 1.0, HOT: 1.0, AGAIN: 1.0}).best(by_hand(), slice(0, 2), NO_ITEM[:5], nobody, 3)
    assert found[0, :2].tolist() == [3, 1]
    assert source[0, :2].tolist() == [candidates.HOT, candidates.DSSM]
    assert found[1].tolist() == [2, 4, 3]
    assert source[1].tolist() == [candidates.DSSM, candidates.AGAIN, candidates.HOT]


def test_weights_decide_and_turn_a_channel_round() -> None:
    nobody = (np.zeros(3, np.int64), np.zeros(0, np.int32))
    found, _ = Blend({DSSM: 0.1, HOT: 1.0, AGAIN: -1.0}).best(by_hand(), slice(0, 2), NO_ITEM[:5], nobody, 4)
    assert found[1, :2].tolist() == [3, 2]
    assert found[1, -1] == 4, "what one has had comes last"


def seen_by_some(seed: int = 4) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """User 0 has seen nothing, the last one everything."""
    rng = np.random.default_rng(seed)
    own = [np.zeros(0, int), *(np.sort(rng.permutation(N_ITEMS)[: 2 * k]) for k in range(1, N_USERS - 1)), np.arange(N_ITEMS)]
    return np.concatenate([[0], np.cumsum([len(items) for items in own])]), np.concatenate(own).astype(np.int32)


@pytest.mark.parametrize("part", [EVERYBODY, slice(0, 4), slice(4, N_USERS), slice(3, 4)], ids=str)
@pytest.mark.parametrize("size", [1, 7, N_ITEMS])
def test_lists_are_those_of_a_plain_loop(size: int, part: slice) -> None:
    channels, seen, forbidden = planted_channels(), seen_by_some(), NO_ITEM | np.isin(np.arange(N_ITEMS), [3, 11])
    found, source = Blend(WEIGHTS).best(channels, part, forbidden, seen, size)
    assert found.dtype == np.int32
    said = {name: np.float32(weight) * channels.block(name, part) for name, weight in WEIGHTS.items()}
    said = {name: share - share.mean(1, keepdims=True) for name, share in said.items()}
    hot = said.pop(HOT) + said.pop(LATELY_HOT)
    shares = {candidates.DSSM: said[DSSM], candidates.HOT: hot, candidates.AGAIN: said[AGAIN]}
    total = sum(shares.values())
    for k, user in enumerate(range(part.start, part.stop)):
        out = set(np.flatnonzero(forbidden).tolist()) | set(seen[1][seen[0][user] : seen[0][user + 1]].tolist())
        expected = sorted(set(range(N_ITEMS)) - out, key=lambda item: -total[k, item])[:size]
        assert found[k].tolist() == expected + [0] * (size - len(expected))
        loudest = [max(shares, key=lambda code: shares[code][k, item]) for item in expected]
        assert source[k, : len(expected)].tolist() == loudest


def test_who_may_be_listed_nothing_has_a_list_of_padding() -> None:
    found, _ = Blend(WEIGHTS).best(planted_channels(), EVERYBODY, NO_ITEM, seen_by_some(), 5)
    assert not found[-1].any()
    assert found[0].all()
    nobody, _ = Blend(WEIGHTS).best(planted_channels(), EVERYBODY, np.ones(N_ITEMS, np.bool_), NOTHING, 5)
    assert not nobody.any()


def test_a_list_longer_than_the_catalogue_holds_all_of_it_once() -> None:
    found, _ = Blend(WEIGHTS).best(planted_channels(), EVERYBODY, NO_ITEM, NOTHING, 10 * N_ITEMS)
    assert all(sorted(row[row > 0].tolist()) == list(range(1, N_ITEMS)) for row in found)


@pytest.mark.parametrize("n_users", [0, 1, 7, 1000])
@pytest.mark.parametrize("n_items", [1, 300_000, 2 * BLOCK_SCORES])
def test_blocks_take_every_user_once_and_hold_no_more_scores_than_they_may(n_users: int, n_items: int) -> None:
    parts = list(blocks(n_users, n_items))
    assert [user for part in parts for user in range(part.start, part.stop)] == list(range(n_users))
    assert all(part.stop - part.start == 1 or (part.stop - part.start) * n_items <= BLOCK_SCORES for part in parts)
