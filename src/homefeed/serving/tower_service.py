"""TowerService: the recall model at request time, for one release."""

from __future__ import annotations

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import Rows, Scores
from homefeed.core.errors import HomefeedError
from homefeed.features.encoder import encode
from homefeed.features.entities import EntityTable
from homefeed.models.tower import NOTHING_YET, user_vector
from homefeed.models.weights import ModelWeights
from homefeed.serving.sound_weights import UNUSABLE, check_weights


class TowerUnavailableError(HomefeedError):
    """The release's recall model cannot be used; what is hot stands in."""


class TowerService:
    """A user tower against all items' vectors. ``failure`` says why it is out."""

    def __init__(self, bundle: Bundle) -> None:
        self.failure: str | None = bundle.faults.get("recall")
        self._weights: ModelWeights | None = None
        if bundle.recall is not None and self.failure is None:
            self._item_vectors = bundle.item_vectors
            try:
                self._check(bundle, bundle.recall)
            except UNUSABLE as error:
                self.failure = f"the recall model of release {bundle.release.id} cannot be used: {error}"

    def best_items(self, user: EntityTable, size: int) -> Rows:
        """int32[min(size, N)]: rows of the items nearest to a one-row table of a user, best first. Raises ``TowerUnavailableError``."""
        if self._weights is None:
            raise TowerUnavailableError(self.failure or "the release has no recall model")
        return _top(self._scores(self._weights, user), size)

    def _scores(self, weights: ModelWeights, user: EntityTable) -> Scores:
        encoded = encode(user, weights.vocabulary, weights.user_scale, 0)
        scores: Scores = self._item_vectors @ user_vector(weights, encoded, NOTHING_YET, self._item_vectors)
        return scores

    def _check(self, bundle: Bundle, weights: ModelWeights) -> None:
        """Raises one of ``UNUSABLE`` where the model does not fit the release's tables."""
        check_weights(weights)
        users, part = bundle.users, slice(0, 1)
        nobody = EntityTable(users.ids[part], users.slots[part], {name: bag[part] for name, bag in users.bags.items()}, users.numbers[part])
        scores = self._scores(weights, nobody)
        if scores.shape != (len(bundle.items),) or not np.isfinite(self._item_vectors).all() or not np.isfinite(scores).all():
            raise ValueError(f"its scores are no {len(bundle.items)} finite numbers, one an item")
        self._weights = weights


def _top(score: Scores, size: int) -> Rows:
    """int32[min(size, N - 1)]: rows with the highest scores, best first, never row 0 (the unknown item); equal scores in row order."""
    known = score[1:]
    best = np.argpartition(-known, size)[:size] if size < len(known) else np.arange(len(known))
    ordered = best[np.lexsort((best, -known[best]))]
    return (ordered + 1).astype(np.int32)
