"""What a request computes of the blend is what the export's blend says with the same channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.features.history import histories_of
from homefeed.models.channels.blend import Blend
from homefeed.models.channels.folded import add_own_events, in_dssm_units, item_boost
from homefeed.models.channels.scores import channels_at
from homefeed.models.tower import History

N_USERS, N_ITEMS, DIM = 4, 25, 5
WEIGHTS = st.fixed_dictionaries({"dssm": st.floats(0.1, 3), **{name: st.floats(-3, 3) for name in ("hot", "lately_hot", "again", "in_vain")}})


@given(weights=WEIGHTS, seed=st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_scores_at_request_time_are_the_blends_up_to_one_scale_and_shift_a_user(weights: dict[str, float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    user, item, clicked = rng.integers(0, N_USERS, n).astype(np.int32), rng.integers(1, N_ITEMS, n).astype(np.int32), rng.random(n) < 0.6
    histories = histories_of(user, item, clicked, rng.integers(0, 10**9, n), N_USERS)
    users, items = (rng.normal(size=(count, DIM)).astype(np.float32) for count in (N_USERS, N_ITEMS))
    channels = channels_at(torch.from_numpy(users), torch.from_numpy(items), histories, np.arange(N_USERS), again=True)
    blended = np.sum(list(Blend(weights).by_source(channels, slice(0, N_USERS)).values()), axis=0)
    boost = item_boost(weights, channels.for_all)
    for row in range(N_USERS):
        own = slice(histories.offsets[row], histories.offsets[row + 1])
        scores = items @ users[row] + boost
        add_own_events(scores, weights, History(histories.item[own], histories.clicked[own], np.zeros(own.stop - own.start, np.int64)))
        mine, theirs = scores - scores.mean(), blended[row] / weights["dssm"] - (blended[row] / weights["dssm"]).mean()
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("blend", [{}, {"hot": 2.0, "again": 1.0}, {"dssm": 0.0, "hot": 2.0}, {"dssm": -0.3, "hot": 2.0}])
def test_where_the_blend_has_no_use_for_the_recall_model_it_stands_alone(blend: dict[str, float]) -> None:
    assert in_dssm_units(blend) == {"dssm": 1.0}
    assert item_boost(blend, {"hot": np.ones(3, np.float32)}).tolist() == [0, 0, 0]


def test_an_event_counts_at_its_latest_time() -> None:
    scores = np.zeros(10, np.float32)
    history = History(np.array([4, 5, 4, 6, 6], np.int32), np.array([True, True, True, False, False]), np.zeros(5, np.int64))
    add_own_events(scores, {"dssm": 2.0, "again": 1.0, "in_vain": -4.0}, history)
    np.testing.assert_allclose(scores[[4, 5, 6]], [0.5 * np.exp(-2 / 20), 0.5 * np.exp(-3 / 20), -2.0], rtol=1e-6)
    assert scores[[0, 1, 2, 3, 7, 8, 9]].tolist() == [0] * 7
