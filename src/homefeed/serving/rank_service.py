"""RankService: DeepFM and the feature lookup it needs, for one release."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import Rows, Scores
from homefeed.core.errors import HomefeedError
from homefeed.features.encoder import encode
from homefeed.features.entities import EntityTable
from homefeed.models.folded import FoldedRanker, Part
from homefeed.models.lookup import one_row
from homefeed.models.slate_value import SlateValue
from homefeed.models.weights import ModelWeights
from homefeed.serving.sound_weights import UNUSABLE, check_weights


class RankerUnavailableError(HomefeedError):
    """The release's ranker cannot score; recall order stands in."""


class RankService:
    """Raw ids to rows of the release's tables, and rows to pCTR. ``failure`` says why the ranker is out; lookups work all the same."""

    def __init__(self, bundle: Bundle) -> None:
        self._user_rows = {uid: row for row, uid in enumerate(bundle.users.ids) if row}
        self._item_rows = {iid.encode(): row for row, iid in enumerate(bundle.items.ids) if row}
        self.failure: str | None = bundle.faults.get("rank")
        self.value = SlateValue()
        self._model: FoldedRanker | None = None
        if bundle.rank is not None and self.failure is None:
            try:
                self._fold(bundle, bundle.rank)
            except UNUSABLE as error:
                self._model = None
                self.failure = f"the ranker of release {bundle.release.id} cannot be used: {error}"

    def user_row(self, uid: str) -> int:
        """The user's row; 0 for a stranger."""
        return self._user_rows.get(uid, 0)

    def item_rows(self, raw_ids: Sequence[bytes]) -> Rows:
        """int32[n] rows of the item table; 0 where the release does not know the item."""
        return np.fromiter(map(self._item_rows.get, raw_ids, repeat(0)), np.int32, len(raw_ids))

    def score(self, items: Rows, user_row: int = 0, guest: EntityTable | None = None) -> Scores:
        """pCTR float32[n] of ``items`` for the user of a row, or for a guest with tags. Raises ``RankerUnavailableError``; each is a finite number."""
        if self._model is None:
            raise RankerUnavailableError(self.failure or "the release has no ranker")
        scores = self._model.score(self._user_part(self._model, user_row, guest), items)
        if not math.isfinite(scores.sum()):  # probabilities: their sum is finite unless one of them is no number
            raise RankerUnavailableError("the ranker's scores are not finite")
        return scores

    def _fold(self, bundle: Bundle, weights: ModelWeights) -> None:
        """Raises one of ``UNUSABLE`` where the model does not fit the release's tables."""
        check_weights(weights)
        self._weights, self.value = weights, SlateValue.of(weights.config)
        self._users = encode(bundle.users, weights.vocabulary, weights.user_scale, 0)
        items = encode(bundle.items, weights.vocabulary, weights.item_scale, self._users.n_fields)
        self._model = FoldedRanker.fold(weights, items, bundle.hotness)
        if not np.isfinite(self._model.score(self._model.user_part(one_row(self._users, 0)), bundle.hot)).all():
            raise ValueError("its scores are not finite")

    def _user_part(self, model: FoldedRanker, user_row: int, guest: EntityTable | None) -> Part:
        if guest is None:
            return model.user_part(one_row(self._users, user_row))
        return model.user_part(encode(guest, self._weights.vocabulary, self._weights.user_scale, 0))
