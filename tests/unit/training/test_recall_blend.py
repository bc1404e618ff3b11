"""The blend learned in shops where it is known which channel tells the truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from homefeed.metrics.ranking import Relevant, hits, recall_at_k, relevant_items
from homefeed.models.channels.blend import DSSM_ALONE, Blend
from homefeed.models.channels.scores import AGAIN, DSSM, HOT, IN_VAIN, ITEM_TO_ITEM, Channels
from homefeed.training.recall_blend import fit_blend

N_USERS, N_ITEMS, K = 120, 400, 10
NAMES = [DSSM, HOT, AGAIN, IN_VAIN, ITEM_TO_ITEM]
NOTHING_SEEN = Relevant(np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
ALLOWED = np.arange(N_ITEMS) > 0


@pytest.fixture(scope="module")
def channels() -> Channels:
    """Five channels that know nothing of each other."""
    rng = np.random.default_rng(0)
    vectors = [torch.from_numpy(rng.normal(size=(n, 6)).astype(np.float32)) for n in (N_USERS, N_ITEMS)]
    again, in_vain, have = (sparse.random(N_USERS, N_ITEMS, 0.1, "csr", np.float32, rng) for _ in range(3))
    near = sparse.random(N_ITEMS, N_ITEMS, 0.05, "csr", np.float32, rng)
    return Channels(*vectors, {HOT: rng.normal(size=N_ITEMS).astype(np.float32)}, {AGAIN: again, IN_VAIN: in_vain}, {ITEM_TO_ITEM: (have, near)})


def scores(channels: Channels, name: str) -> np.ndarray:
    found = channels.block(name, slice(0, len(channels)))
    return (found - found.mean()) / found.std()


def clicks_by(score: np.ndarray, seed: int = 1) -> Relevant:
    """Three clicks a user, each drawn with a chance that goes with the exponential of its score."""
    noisy = 2 * score + np.random.default_rng(seed).gumbel(size=score.shape)
    best = np.argsort(-np.where(ALLOWED, noisy, -np.inf), axis=1)[:, :3]
    return relevant_items(np.repeat(np.arange(len(score)), 3), best.ravel(), len(score))


def told(blend: Blend, channels: Channels) -> dict[str, float]:
    """Weights in standard units of each channel's score."""
    return {name: weight * float(channels.block(name, slice(0, len(channels))).std()) for name, weight in blend.weights.items()}


def recall(blend: Blend, channels: Channels, clicks: Relevant, seen: Relevant = NOTHING_SEEN) -> float:
    found = blend.best(channels, slice(0, len(channels)), ~ALLOWED, (seen.offsets, seen.items), K)[0]
    return float(recall_at_k(hits(found, clicks), clicks.counts(), K).mean())


@pytest.mark.parametrize("truth", NAMES)
def test_the_one_channel_that_explains_the_clicks_gets_by_far_the_largest_weight(truth: str, channels: Channels) -> None:
    learned = fit_blend(channels, clicks_by(scores(channels, truth)), NOTHING_SEEN, ALLOWED)
    weights = told(learned, channels)
    assert set(weights) == set(NAMES)
    assert weights[truth] > 0.5
    assert max(abs(weight) for name, weight in weights.items() if name != truth) < weights[truth] / 3


def test_where_two_channels_tell_the_blend_beats_each_of_them_on_clicks_it_has_not_seen(channels: Channels) -> None:
    truth = scores(channels, DSSM) + scores(channels, ITEM_TO_ITEM)
    learned = fit_blend(channels, clicks_by(truth, seed=1), NOTHING_SEEN, ALLOWED)
    later = clicks_by(truth, seed=2)
    alone = {name: recall(Blend({name: 1.0}), channels, later) for name in NAMES}
    assert recall(learned, channels, later) > 1.15 * max(alone.values())
    assert recall(learned, channels, later) > 0.9 * recall(
        Blend({name: 1 / channels.block(name, slice(0, N_USERS)).std() for name in (DSSM, ITEM_TO_ITEM)}), channels, later
    )


def test_a_channel_that_speaks_against_the_clicks_gets_a_weight_below_zero(channels: Channels) -> None:
    """What was shown and left alone: not again."""
    learned = fit_blend(channels, clicks_by(scores(channels, DSSM) - scores(channels, IN_VAIN)), NOTHING_SEEN, ALLOWED)
    weights = told(learned, channels)
    assert weights[IN_VAIN] < -0.2 < 0.2 < weights[DSSM]


def test_what_lists_may_not_hold_teaches_nothing(channels: Channels) -> None:
    """All clicks on what was seen or is not for sale: as if nobody had clicked."""
    clicks = clicks_by(scores(channels, DSSM))
    sold_out = ALLOWED & ~np.isin(np.arange(N_ITEMS), clicks.items)
    assert fit_blend(channels, clicks, clicks, ALLOWED) is DSSM_ALONE
    assert fit_blend(channels, clicks, NOTHING_SEEN, sold_out) is DSSM_ALONE


def test_without_clicks_the_recall_model_stands_alone(channels: Channels) -> None:
    assert fit_blend(channels, NOTHING_SEEN, NOTHING_SEEN, ALLOWED) is DSSM_ALONE


def test_clicks_beyond_every_channels_first_hundred_teach_nothing(channels: Channels) -> None:
    last = np.argsort(channels.block(DSSM, slice(0, N_USERS)) + np.where(ALLOWED, 0, 99), axis=1)[:, :1]
    only = Channels(channels.users, channels.items, {}, {}, {})
    assert fit_blend(only, relevant_items(np.arange(N_USERS), last.ravel(), N_USERS), NOTHING_SEEN, ALLOWED) is DSSM_ALONE


@pytest.mark.parametrize("n_items", [1, 2])
def test_a_catalogue_that_leaves_no_choice_leaves_the_recall_model_alone(n_items: int, channels: Channels) -> None:
    """One user at most has anything to choose from, and that user clicked it all."""
    few = Channels(channels.users[:1], channels.items, channels.for_all, {}, {})
    allowed = np.isin(np.arange(N_ITEMS), np.arange(1, 1 + n_items))
    clicks = relevant_items(np.zeros(n_items, np.int64), np.arange(1, 1 + n_items), 1)
    learned = fit_blend(few, clicks, Relevant(np.zeros(2, np.int64), np.zeros(0, np.int32)), allowed)
    assert learned is DSSM_ALONE
    assert (learned.best(few, slice(0, 1), ~allowed, (np.zeros(2, np.int64), np.zeros(0, np.int32)), 3)[0] > 0).sum() == n_items
