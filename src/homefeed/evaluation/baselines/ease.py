"""EASE: each item's clicks from all other items' clicks, by ridge regression in closed form.

Steck, Embarrassingly Shallow Autoencoders for Sparse Data, 2019.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.baselines.clicks import Clicks, Rows, Scores


def ease_scores(clicks: Clicks, ridge: float) -> Scores:
    weight = ease_weights(clicks, ridge)

    def scores(users: Rows) -> npt.NDArray[np.float32]:
        block: npt.NDArray[np.float32] = np.asarray(clicks.matrix[users] @ weight, np.float32)
        return block

    return scores


def ease_weights(clicks: Clicks, ridge: float) -> npt.NDArray[np.float32]:
    """float32[M, M]: the weight of each row's item for each column's, 0 on the diagonal. Holds three such matrices at once."""
    gram = np.asarray((clicks.matrix.T @ clicks.matrix).todense(), np.float32)
    gram[np.diag_indices_from(gram)] += np.float32(ridge)
    inverse = np.linalg.inv(gram)
    weight: npt.NDArray[np.float32] = (inverse / -np.diag(inverse)).astype(np.float32, copy=False)
    np.fill_diagonal(weight, 0.0)
    return weight
