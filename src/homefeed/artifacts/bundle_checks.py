"""Whether a bundle's tables fit each other, so that no request can stumble over them."""

from __future__ import annotations

import numpy as np

from homefeed.artifacts.bundle import Bundle, SeenItems
from homefeed.features.entities import EntityTable
from homefeed.features.history import GAP_BUCKETS
from homefeed.models.channels.names import NEWCOMERS
from homefeed.models.weights import Array


def check_tables(bundle: Bundle) -> None:
    """Raises ``ValueError`` that names the first part which does not fit."""
    n_users, n_items = len(bundle.users.ids), len(bundle.items.ids)
    _check_entities("users", bundle.users)
    _check_entities("items", bundle.items)
    _require(_is(bundle.available, np.bool_, (n_items,)), "available")
    _require(_is(bundle.hotness, np.float32, (n_items,)) and bool(np.isfinite(bundle.hotness).all()), "hotness")
    _require(_is(bundle.hot, np.int32, (len(bundle.hot),)) and _within(bundle.hot, 1, n_items), "hot")
    _require(_is(bundle.fresh, np.int32, (len(bundle.fresh),)) and _within(bundle.fresh, 1, n_items), "fresh")
    _require(type(bundle.fresh_per_list) is int and bundle.fresh_per_list >= 0, "fresh_per_list")
    _check_seen(bundle.seen, n_users, n_items)
    _require(_are_slots(bundle.tag_slots), "tags")
    separators = bundle.separators
    _require(isinstance(separators, dict) and all(isinstance(text, str) and text for text in separators.values()), "separators")


def check_recall(bundle: Bundle) -> None:
    """Raises ``ValueError`` where what the recall model stands on does not fit the tables: that costs the recall model alone."""
    boost, n_items = bundle.item_boost, len(bundle.items.ids)
    shapes = ((2, n_items),) if bundle.recall is not None and NEWCOMERS in bundle.recall.config else ((0,), (n_items,))
    _require(any(_is(boost, np.float32, shape) for shape in shapes) and bool(np.isfinite(boost).all()), "item_boost")
    lately, n_events = bundle.lately, len(bundle.lately.item)
    offsets = lately.offsets
    _require(any(_is(offsets, np.int64, (n,)) for n in (1, len(bundle.users.ids) + 1)), "lately")
    _require(bool(offsets[0] == 0 and offsets[-1] == n_events and (np.diff(offsets) >= 0).all()), "lately")
    kinds = ((lately.item, np.int32), (lately.clicked, np.bool_), (lately.gap, np.uint8))
    _require(all(_is(array, kind, (n_events,)) for array, kind in kinds), "lately")
    _require(_within(lately.item, 0, len(bundle.items.ids)) and _within(lately.gap, 0, GAP_BUCKETS), "lately")


def _check_entities(name: str, table: EntityTable) -> None:
    n = len(table.ids)
    _require(n > 0 and table.ids[0] == "", f"{name}: ids")
    for slots in (table.slots, *table.bags.values()):
        _require(_is(slots, np.int32, (n, *slots.shape[1:])) and slots.ndim == 2 and slots.shape[1] > 0 and bool((slots >= 0).all()), f"{name}: slots")
    _require(_is(table.numbers, np.float32, (n, *table.numbers.shape[1:])) and table.numbers.ndim == 2, f"{name}: numbers")


def _check_seen(seen: SeenItems, n_users: int, n_items: int) -> None:
    offsets = seen.offsets
    _require(_is(offsets, np.int64, (n_users + 1,)) and _is(seen.items, np.int32, (len(seen.items),)), "seen")
    _require(bool(offsets[0] == 0 and offsets[-1] == len(seen.items) and (np.diff(offsets) >= 0).all()) and _within(seen.items, 0, n_items), "seen")


def _are_slots(tags: object) -> bool:
    return isinstance(tags, dict) and all(
        isinstance(slots, dict) and all(type(slot) is int and 0 <= slot < 2**31 for slot in slots.values()) for slots in tags.values()
    )


def _is(array: Array, dtype: type[np.generic], shape: tuple[int, ...]) -> bool:
    return array.dtype == dtype and array.shape == shape


def _within(rows: Array, first: int, stop: int) -> bool:
    return not len(rows) or bool(rows.min() >= first and rows.max() < stop)


def _require(fits: bool, part: str) -> None:
    if not fits:
        raise ValueError(f"its parts do not fit each other ({part})")
