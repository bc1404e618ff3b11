"""RankService: the ranker and the feature lookup it needs, for one release."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import Rows, Scores
from homefeed.core.errors import HomefeedError
from homefeed.features.encoder import EncodedTable, encode
from homefeed.features.entities import EntityTable
from homefeed.models.declared_value import DeclaredValue
from homefeed.models.folded import FoldedRanker
from homefeed.models.lookup import one_row
from homefeed.models.orders import FoldedOrders, OrderModel, chances
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
        self._orders: FoldedOrders | None = None
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
        """pCTR alone."""
        return self.chances(items, user_row, guest)[0]

    def chances(self, items: Rows, user_row: int = 0, guest: EntityTable | None = None) -> tuple[Scores, Scores | None]:
        """pCTR and pCVR, float32[n] each, of ``items`` for the user of a row, or for a guest with tags; no pCVR where the ranker knows no orders.

        Raises ``RankerUnavailableError``; each is a finite number.
        """
        if self._model is None:
            raise RankerUnavailableError(self.failure or "the release has no ranker")
        user = self._user(user_row, guest)
        logits = self._model.logits(self._model.user_part(user), items)
        p_click = chances(logits)
        p_order = None if self._orders is None else self._orders.p_order(self._orders.user_part(user), items, logits)
        if not _finite(p_click) or not (p_order is None or _finite(p_order)):
            raise RankerUnavailableError("the ranker's scores are not finite")
        return p_click, p_order

    def declared_value(self, items: Rows, chance: Scores, p_order: Scores) -> Scores:
        """float32[n]: what a slate of a release that knows orders is sorted by; ``chance``: by what it would be without them."""
        return self._declared(chance, p_order, self._gains[items], self._most)

    def _fold(self, bundle: Bundle, weights: ModelWeights) -> None:
        """Raises one of ``UNUSABLE`` where the model does not fit the release's tables."""
        check_weights(weights)
        self._weights, self.value = weights, SlateValue.of(weights.config)
        self._users = encode(bundle.users, weights.vocabulary, weights.user_scale, 0)
        items = encode(bundle.items, weights.vocabulary, weights.item_scale, self._users.n_fields)
        self._model, orders = FoldedRanker.fold(weights, items, bundle.hotness), OrderModel.of(weights.arrays)
        if orders is not None:
            self._fold_orders(FoldedOrders.fold(orders, items), DeclaredValue.of(weights.config))
        try:
            self.chances(bundle.hot)
        except RankerUnavailableError as error:
            raise ValueError(str(error)) from error

    def _fold_orders(self, orders: FoldedOrders, declared: DeclaredValue) -> None:
        self._orders, self._declared, self._gains = orders, declared, declared.gains(orders.worth)
        self._most = float(self._gains.max(initial=0))
        if not (np.isfinite(self._gains).all() and np.isfinite(orders.items).all() and declared.click + self._most > 0):
            raise ValueError("what it says of orders is not finite, or nothing is worth anything")

    def _user(self, user_row: int, guest: EntityTable | None) -> EncodedTable:
        if guest is None:
            return one_row(self._users, user_row)
        return encode(guest, self._weights.vocabulary, self._weights.user_scale, 0)


def _finite(p: Scores) -> bool:
    """Of probabilities: their sum is finite unless one of them is no number."""
    return math.isfinite(p.sum())
