"""The chance of an order once an item is clicked, and what an order of an item is worth, at scoring time.

A factor model like that of clicks (``models.factors``), which reads logit(pCTR) in the place of hotness: what somebody likes is clicked and bought.
``training.orders`` fits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.features.encoder import EncodedTable
from homefeed.models.factors import Factors
from homefeed.models.lookup import Floats

PREFIX = "orders."
WORTH = f"{PREFIX}worth"


@dataclass(frozen=True, slots=True)
class OrderModel:
    """``factors``: the second number of its ``bias`` weighs logit(pCTR).

    ``worth``: f32[V], by row of the model's table: what an order of an item is worth, in mean orders of the shop; 1 for whatever is no item.
    """

    factors: Factors
    worth: Floats

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        return self.factors.arrays(PREFIX) | {WORTH: self.worth}

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[np.float32]]) -> OrderModel | None:
        """None where the ranker knows no orders. Raises ``KeyError`` where a part is missing."""
        if not any(name.startswith(PREFIX) for name in arrays):
            return None
        return cls(Factors.of(arrays, PREFIX), arrays[WORTH])


@dataclass(frozen=True, slots=True)
class FoldedOrders:
    """For one release. ``items``: float32[N, 1 + d], an item's bias and taste; ``worth``: float32[N]."""

    model: OrderModel
    items: Floats
    worth: Floats

    @classmethod
    def fold(cls, model: OrderModel, items: EncodedTable) -> FoldedOrders:
        return cls(model, model.factors.of_items(items), model.worth[items.fields[:, 0]])

    def user_part(self, user: EncodedTable) -> Floats:
        """float32[1, 1 + d] of a one-row table."""
        return self.model.factors.of_users(user)

    def p_order(self, user: Floats, item_rows: npt.NDArray[np.int32], click_logits: Floats) -> Floats:
        """pCVR float32[n], for int32[n] rows of the item table and their logit(pCTR)."""
        items, bias = self.items[item_rows], self.model.factors.bias
        logits = items[:, 1:] @ user[0, 1:] + items[:, 0] + bias[1] * click_logits + (user[0, 0] + bias[0])
        return chances(logits)


def chances(logits: Floats) -> Floats:
    """float32[n]: the sigmoid, without overflow."""
    p: Floats = np.float32(0.5) * np.tanh(np.float32(0.5) * logits) + np.float32(0.5)
    return p
