"""Groups of users and of items that are looked at apart, by what the train side knows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.protocol import Mask, warm_users
from homefeed.evaluation.report import Segment

ALL, WARM, COLD, ACTIVE, LIGHT = "all", "warm", "cold", "active", "light"
NEW, MID, HOT = "new", "mid", "hot"
ACTIVE_CLICKS = 10
"""Train clicks from which on a user is active rather than light."""
NEW_CLICKS = 5
"""Train clicks below which an item is new, or nobody has noticed it."""
HOT_SHARE = 0.5
"""The most clicked items that together hold this share of all train clicks are hot."""
MEANINGS = {
    WARM: "users with a row in the train side",
    COLD: "users without one",
    ACTIVE: f"warm users with at least {ACTIVE_CLICKS} train clicks",
    LIGHT: f"warm users with fewer than {ACTIVE_CLICKS} train clicks",
    NEW: f"items with fewer than {NEW_CLICKS} train clicks",
    HOT: f"the most clicked items, which together have {HOT_SHARE:.0%} of the train clicks",
    MID: "the items between",
}


def user_segments(dataset: ProcessedDataset) -> dict[str, Mask]:
    """Name -> bool[all user rows]."""
    warm = warm_users(dataset)
    active = _clicks(dataset, dataset.train.user, len(dataset.users)) >= ACTIVE_CLICKS
    return {ALL: np.ones_like(warm), WARM: warm, COLD: ~warm, ACTIVE: active, LIGHT: warm & ~active}


def item_segments(clicks: npt.NDArray[np.int64]) -> dict[str, Mask]:
    """Name -> bool[all item rows], from the train clicks of each item row."""
    order = np.argsort(-clicks, kind="stable")
    before = np.cumsum(clicks[order]) - clicks[order]
    new = clicks < NEW_CLICKS
    hot = np.zeros(len(clicks), np.bool_)
    hot[order] = before < HOT_SHARE * clicks.sum()
    hot &= ~new
    return {NEW: new, MID: ~new & ~hot, HOT: hot}


def by_segment(masks: Mapping[str, Mask], measure: Callable[[str, Mask], Segment]) -> tuple[Segment, ...]:
    """``masks``: bool[N], of users or of their rows, the first of everybody. Nothing is measured where there is nobody, nor twice where it is everybody."""
    (first, everybody), *rest = masks.items()
    whole = measure(first, everybody)
    return (whole, *(_part(name, mask, whole, measure) for name, mask in rest))


def _part(name: str, mask: Mask, everybody: Segment, measure: Callable[[str, Mask], Segment]) -> Segment:
    if mask.all():
        return replace(everybody, name=name)
    return measure(name, mask) if mask.any() else Segment(name, 0, 0, {}, {})


def _clicks(dataset: ProcessedDataset, row: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.int64]:
    return np.bincount(row[dataset.train.label > 0], minlength=n)
