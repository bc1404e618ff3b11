"""TowerService: the recall model at request time, for one release."""

from __future__ import annotations

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_checks import check_recall
from homefeed.core.candidates import Rows, Scores
from homefeed.core.errors import HomefeedError
from homefeed.features.encoder import encode
from homefeed.features.entities import EntityTable
from homefeed.models.channels.folded import add_own_events, newcomers_scores
from homefeed.models.channels.names import BLEND, NEWCOMERS
from homefeed.models.shapes import SideWidth, first_misfit
from homefeed.models.tower import NOTHING_YET, History, user_vector
from homefeed.models.weights import ModelWeights
from homefeed.serving.guests import one_user
from homefeed.serving.sound_weights import UNUSABLE


class TowerUnavailableError(HomefeedError):
    """The release's recall model cannot be used; what is hot stands in."""


class TowerService:
    """A user tower against all items' vectors, and what else of the blend a request can compute (``models.channels.folded``). ``failure``: why it is out."""

    def __init__(self, bundle: Bundle) -> None:
        self.failure: str | None = bundle.faults.get("recall")
        self._weights: ModelWeights | None = None
        if bundle.recall is not None and self.failure is None:
            self._item_vectors, self._item_boost, self._off_sale = bundle.item_vectors, bundle.item_boost, np.flatnonzero(~bundle.available)
            try:
                self._blend, self._newcomers = dict(bundle.recall.config.get(BLEND, {})), bundle.recall.config.get(NEWCOMERS)
                self._check(bundle, bundle.recall)
            except UNUSABLE as error:
                self.failure = f"the recall model of release {bundle.release.id} cannot be used: {error}"

    def best_items(self, user: EntityTable, history: History, leave_out: Rows, size: int) -> Rows:
        """int32[size] at most: rows of the best items for a one-row table of a user who did ``history`` lately, best first.

        ``leave_out``: int32, rows that are not to be among them. Raises ``TowerUnavailableError``.
        """
        scores = self._scores(self._sound(), user, history)
        scores[self._off_sale] = -np.inf
        scores[leave_out] = -np.inf
        return _top(scores, size)

    def wants(self, user: EntityTable, history: History, items: Rows) -> Scores:
        """f32[n]: what the recall model alone says of the ``items`` at these rows. Raises ``TowerUnavailableError``."""
        weights = self._sound()
        scores: Scores = self._item_vectors[items] @ self._vector(weights, user, history)
        return scores

    def _sound(self) -> ModelWeights:
        if self._weights is None:
            raise TowerUnavailableError(self.failure or "the release has no recall model")
        return self._weights

    def _vector(self, weights: ModelWeights, user: EntityTable, history: History) -> Scores:
        return user_vector(weights, encode(user, weights.vocabulary, weights.user_scale, 0), history, self._item_vectors)

    def _scores(self, weights: ModelWeights, user: EntityTable, history: History) -> Scores:
        scores: Scores = self._item_vectors @ self._vector(weights, user, history)
        if self._newcomers is not None and not len(history.item):
            return newcomers_scores(scores, self._newcomers, self._item_boost)
        if self._item_boost.size:
            scores += np.atleast_2d(self._item_boost)[0]
        add_own_events(scores, self._blend, history)
        return scores

    def _check(self, bundle: Bundle, weights: ModelWeights) -> None:
        """Raises one of ``UNUSABLE`` where the model does not fit the release's tables."""
        sides = [SideWidth(side.n_fields, side.numbers.shape[1]) for side in (bundle.users, bundle.items)]
        if misfit := first_misfit(weights, len(weights.vocabulary.row) - 1, *sides):
            raise ValueError(f"it {misfit.what}, expected {misfit.expected}")
        check_recall(bundle)
        once = History(np.zeros(1, np.int32), np.ones(1, np.bool_), np.zeros(1, np.int64))
        for history in (once, NOTHING_YET):
            scores = self._scores(weights, one_user(bundle.users, 0), history)
            if scores.shape != (len(bundle.items),) or not np.isfinite(self._item_vectors).all() or not np.isfinite(scores).all():
                raise ValueError(f"its scores are no {len(bundle.items)} finite numbers, one an item")
        self._weights = weights


def _top(score: Scores, size: int) -> Rows:
    """int32[size] at most: rows with the highest finite scores, best first, never row 0 (the unknown item); equal scores in row order."""
    known = score[1:]
    best = np.argpartition(-known, size)[:size] if size < len(known) else np.arange(len(known))
    ordered = best[np.lexsort((best, -known[best]))]
    return (ordered[np.isfinite(known[ordered])] + 1).astype(np.int32)
