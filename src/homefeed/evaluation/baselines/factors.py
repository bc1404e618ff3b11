"""Matrix factorisations of ``implicit``: iALS and BPR."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from homefeed.evaluation.baselines.clicks import Clicks, Rows, Scores

ALS_ITERATIONS = 15


def ials_scores(clicks: Clicks, factors: int, alpha: float, ridge: float, seed: int) -> Scores:
    """Hu et al., Collaborative Filtering for Implicit Feedback Datasets, 2008; ``alpha``: the weight of a click where that of no click is 1."""
    from implicit.als import AlternatingLeastSquares

    with threadpool_limits(1, "blas"):  # the library's own threads do the work
        model = AlternatingLeastSquares(factors=factors, alpha=alpha, regularization=ridge, iterations=ALS_ITERATIONS, random_state=seed)
        return _fitted(model, clicks)


def bpr_scores(clicks: Clicks, factors: int, learning_rate: float, ridge: float, iterations: int, seed: int) -> Scores:
    """Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, 2009."""
    from implicit.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(factors=factors, learning_rate=learning_rate, regularization=ridge, iterations=iterations, random_state=seed)
    return _fitted(model, clicks)


def _fitted(model: Any, clicks: Clicks) -> Scores:
    model.fit(clicks.matrix, show_progress=False)
    user_factors, item_factors = np.asarray(model.user_factors), np.asarray(model.item_factors)

    def scores(users: Rows) -> npt.NDArray[np.float32]:
        block: npt.NDArray[np.float32] = (user_factors[users] @ item_factors.T).astype(np.float32)
        return block

    return scores
