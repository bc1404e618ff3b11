"""A shop whose items are clicked alike and ordered in two ways: odd rows of the item table often, even ones seldom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from hand_shop import hand_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset

USERS, ITEMS = 60, 24
CLICK_RATE, OFTEN, SELDOM = 0.3, 0.5, 0.1
OFTEN_VALUE, SELDOM_VALUE = 10.0, 30.0


def ordering_shop(rows: int = 9000, seed: int = 0) -> ProcessedDataset:
    """The last fifth is the test side. Orders come at once."""
    rng = np.random.default_rng(seed)
    user, item = rng.integers(1, USERS + 1, rows), rng.integers(1, ITEMS + 1, rows)
    log = list(zip(user.tolist(), item.tolist(), (rng.random(rows) < CLICK_RATE).astype(int).tolist(), range(rows), strict=True))
    shop = hand_shop(USERS, ITEMS, log[: rows * 4 // 5], log[rows * 4 // 5 :], seen="keep")
    return replace(shop, train=with_orders(shop.train, rng), test=with_orders(shop.test, rng))


def with_orders(rows: Interactions, rng: np.random.Generator) -> Interactions:
    often = rows.item % 2 == 1
    ordered = (rows.label > 0) & (rng.random(len(rows)) < np.where(often, OFTEN, SELDOM))
    value = ordered * np.where(often, OFTEN_VALUE, SELDOM_VALUE) * rng.uniform(0.9, 1.1, len(rows))
    return replace(rows, ordered=ordered.astype(np.float32), value=value.astype(np.float32))


def keeping(rows: Interactions, kept: npt.NDArray[np.bool_]) -> Interactions:
    """The same rows with the orders of ``kept`` alone."""
    assert rows.ordered is not None
    assert rows.value is not None
    return replace(rows, ordered=rows.ordered * kept, value=rows.value * kept)
