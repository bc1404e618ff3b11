"""RankService: DeepFM and the feature lookup it needs, for one release."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import Rows, Scores
from homefeed.core.errors import HomefeedError
from homefeed.features.encoder import encode
from homefeed.features.entities import EntityTable
from homefeed.models.folded import FoldedDeepFM, Part
from homefeed.models.lookup import one_row


class RankerUnavailableError(HomefeedError):
    """The release's ranker cannot score; recall order stands in."""


class RankService:
    """Raw ids to rows of the release's tables, and rows to pCTR. ``failure`` says why the ranker is out; lookups work all the same."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._user_rows = {uid: row for row, uid in enumerate(bundle.users.ids) if row}
        self._item_rows = {iid.encode(): row for row, iid in enumerate(bundle.items.ids) if row}
        self.failure: str | None = None
        self._model: FoldedDeepFM | None = None
        try:
            self._fold(bundle)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            self.failure = f"the ranker of release {bundle.release.id} cannot be used: {error}"

    def user_row(self, uid: str) -> int:
        """The user's row; 0 for a stranger."""
        return self._user_rows.get(uid, 0)

    def item_rows(self, raw_ids: Sequence[bytes]) -> Rows:
        """int32[n] rows of the item table; 0 where the release does not know the item."""
        return np.fromiter(map(self._item_rows.get, raw_ids, repeat(0)), np.int32, len(raw_ids))

    def score(self, items: Rows, user_row: int = 0, guest: EntityTable | None = None) -> Scores:
        """pCTR float32[n] of ``items`` for the user of a row, or for a guest with tags. Raises ``RankerUnavailableError``."""
        if self._model is None:
            raise RankerUnavailableError(self.failure or "the release has no ranker")
        return self._model.score(self._user_part(self._model, user_row, guest), items)

    def _fold(self, bundle: Bundle) -> None:
        weights = bundle.rank
        users = encode(bundle.users, weights.vocabulary, weights.user_scale, 0)
        items = encode(bundle.items, weights.vocabulary, weights.item_scale, users.n_fields)
        model = FoldedDeepFM.fold(weights, items, bundle.hotness)
        model.user_part(one_row(users, 0))
        self._users, self._model = users, model

    def _user_part(self, model: FoldedDeepFM, user_row: int, guest: EntityTable | None) -> Part:
        if guest is None:
            return model.user_part(one_row(self._users, user_row))
        return model.user_part(encode(guest, self._bundle.rank.vocabulary, self._bundle.rank.user_scale, 0))
