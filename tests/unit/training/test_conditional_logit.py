"""Weights of choices: those they were drawn with, and 0 for what tells candidates nothing apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from homefeed.metrics.ranking import Relevant, relevant_items
from homefeed.models.channels.blend import DSSM_ALONE
from homefeed.models.channels.scores import HOT, Channels
from homefeed.training.conditional_logit import Choices, fit_conditional_logit
from homefeed.training.recall_blend import fit_blend

N_USERS, EACH = 2000, 8


def drawn(features: Tensor, weights: Tensor, seed: int = 0) -> Choices:
    """One click a user, among ``EACH`` candidates, by the odds of the weighted features."""
    noise = -torch.empty(len(features)).exponential_(generator=torch.Generator().manual_seed(seed)).log()
    best = (features @ weights + noise).view(-1, EACH).argmax(1)
    clicked = torch.zeros(len(features), dtype=torch.bool)
    clicked[torch.arange(len(best)) * EACH + best] = True
    return Choices(features, torch.arange(len(best)).repeat_interleave(EACH), clicked, len(best))


def normal(n_features: int, n_users: int = N_USERS) -> Tensor:
    return torch.randn(n_users * EACH, n_features, generator=torch.Generator().manual_seed(1))


def test_the_weights_that_clicks_were_drawn_with_are_found_whatever_unit_a_feature_has() -> None:
    planted, unit = torch.tensor([1.5, -0.7, 0.0]), torch.tensor([1.0, 1000.0, 0.01])
    found = fit_conditional_logit(drawn(normal(3), planted))
    torch.testing.assert_close(found, planted, atol=0.1, rtol=0)
    choices = drawn(normal(3), planted)
    scaled = Choices(choices.features * unit, choices.user, choices.clicked, choices.n_users)
    torch.testing.assert_close(fit_conditional_logit(scaled) * unit, found, atol=1e-3, rtol=0)


@pytest.mark.parametrize("high", [0.0, -3.0, 16.0, 1e4])
def test_what_a_feature_is_for_all_candidates_alike_does_not_matter(high: float) -> None:
    choices = drawn(normal(2), torch.tensor([1.0, -0.5]))
    found = fit_conditional_logit(choices)
    raised = Choices(choices.features + torch.tensor([high, 0.0]), choices.user, choices.clicked, choices.n_users)
    torch.testing.assert_close(fit_conditional_logit(raised), found, atol=0.01, rtol=0)
    constant = Choices(torch.cat([choices.features, torch.full((len(choices.user), 1), high)], 1), choices.user, choices.clicked, choices.n_users)
    torch.testing.assert_close(fit_conditional_logit(constant), torch.cat([found, torch.zeros(1)]), atol=0.01, rtol=0)


def test_each_user_counts_once_however_many_clicks() -> None:
    """One user with seven clicks on the low side of a feature, two with one click each on its high side."""
    features = torch.tensor([[0.0]] * 7 + [[1.0]] + [[0.0], [1.0]] * 2)
    user = torch.tensor([0] * 8 + [1, 1, 2, 2])
    clicked = torch.tensor([True] * 7 + [False] + [False, True] * 2)
    assert float(fit_conditional_logit(Choices(features, user, clicked, 3))) > 0


def test_few_clicks_are_held_back_by_the_prior() -> None:
    """A single click that a feature explains wholly would have it count without end."""
    found = fit_conditional_logit(drawn(normal(1, n_users=1), torch.tensor([50.0])))
    assert 0 < float(found) < 3


def test_a_single_candidate_is_no_choice() -> None:
    only = Choices(torch.tensor([[2.0, 3.0]]), torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.bool), 1)
    assert fit_conditional_logit(only).tolist() == [0.0, 0.0]


def test_a_shop_whose_lists_can_hold_one_item_only_is_left_to_the_recall_model() -> None:
    """Nobody had a choice: there is nothing to weigh, and a blend of no weight could list nothing."""
    channels = Channels(torch.tensor([[1.0, 1.0], [2.0, 1.0]]), torch.tensor([[0.0, 0.0], [0.5, -1.0]]), {HOT: np.array([-3.0, 1.0], np.float32)}, {}, {})
    clicked = relevant_items(np.array([0, 1]), np.array([1, 1]), 2)
    nothing = Relevant(np.zeros(3, np.int64), np.zeros(0, np.int32))
    blend = fit_blend(channels, clicked, nothing, np.array([False, True]))
    assert blend == DSSM_ALONE
    found, _ = blend.best(channels, slice(0, 2), np.array([True, False]), (nothing.offsets, nothing.items), 2)
    assert found.tolist() == [[1, 0], [1, 0]]
