"""ItemKNN of ``implicit``: items are near whose clickers are the same people, by the cosine of their columns."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.baselines.clicks import Clicks, Rows, Scores


def item_knn_scores(clicks: Clicks, neighbours: int) -> Scores:
    """Sums of cosines to what a user clicked, over each item's nearest ``neighbours``; -inf where none is near."""
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=neighbours + 1)  # an item is its own nearest neighbour
    with warnings.catch_warnings(action="ignore"):  # of a conversion inside the library
        model.fit(clicks.matrix, show_progress=False)
    similarity = model.similarity.astype(np.float32)

    def scores(users: Rows) -> npt.NDArray[np.float32]:
        block: npt.NDArray[np.float32] = np.asarray((clicks.matrix[users] @ similarity).todense(), np.float32)
        block[block <= 0] = -np.inf
        return block

    return scores
