"""Conditional logit (McFadden, 1974): among a user's candidates, the chance that a click falls on one goes with the exponential of its score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_STEPS = 60
LEAST_SPREAD = 1e-4
"""Of a feature that tells candidates apart; one that is the same for all has weight 0, or rounding alone would weigh it."""


@dataclass(frozen=True, slots=True)
class Choices:
    """C candidates of ``n_users`` users: ``features`` f32[C, F], ``user`` i64[C] from 0, ``clicked`` bool[C], at least one a user."""

    features: Tensor
    user: Tensor
    clicked: Tensor
    n_users: int


def fit_conditional_logit(choices: Choices, prior: Tensor | None = None, prior_users: float = 1.0) -> Tensor:
    """f32[F]: weights of greatest likelihood, each user counting once, each weight (of a feature in standard units) under a normal prior.

    ``prior``: f32[F], where that is centred, 0 by default; it weighs as much as ``prior_users``.
    """
    spread, mean = torch.std_mean(choices.features, 0, correction=0)
    scale = torch.where(spread > LEAST_SPREAD, spread, torch.inf)
    features, n, user, clicked = (choices.features - mean) / scale, choices.n_users, choices.user, choices.clicked.float()
    centre = torch.zeros(features.shape[1]) if prior is None else torch.where(scale.isfinite(), prior * scale, 0.0)
    weights = centre.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([weights], max_iter=MAX_STEPS, line_search_fn="strong_wolfe")
    clicks = torch.zeros(n).index_add_(0, user, clicked)

    def loss() -> Tensor:
        optimiser.zero_grad()
        score = features @ weights
        highest = torch.full((n,), -torch.inf).scatter_reduce(0, user, score.detach(), "amax")
        total = torch.zeros(n).index_add(0, user, (score - highest[user]).exp()).log() + highest
        likelihood = torch.zeros(n).index_add(0, user, score * clicked) / clicks - total
        value = (0.5 * prior_users * (weights - centre).square().sum() - likelihood.sum()) / n
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach() / scale
