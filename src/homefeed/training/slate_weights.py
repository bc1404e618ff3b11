"""Learns what a slate is sorted by, on the validation slice: how much pCTR counts against the order of the recall stage.

Where the log holds what a page showed, the question is what is clicked when shown, and the slice's impressions of listed items answer it. Where it
holds opinions or clicks alone (no page is clicked every third time), it is what users went on to click.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from homefeed.artifacts.processed import Interactions
from homefeed.artifacts.validation_lists import ValidationLists
from homefeed.models.slate_value import SlateValue
from homefeed.training.conditional_logit import Choices, fit_conditional_logit

MIN_CLICKS = 100
"""Fewer clicks on listed items tell nothing: pCTR alone decides."""

Probabilities = Callable[[npt.NDArray[np.int32], npt.NDArray[np.int32]], npt.NDArray[np.float32]]
"""pCTR float32[N] of users int32[N] and items int32[N], at the moment before the slice."""


def fit_slate_value(lists: ValidationLists, p_click: Probabilities, validation: Interactions) -> SlateValue:
    """``lists``: of the moment before ``validation``."""
    rows = validation.of_the_log()
    if not rows.label.any():
        return SlateValue()
    listed = lists.items > 0
    user, item = np.repeat(lists.users, listed.sum(1)), lists.items[listed]
    place = np.nonzero(listed)[1] + 1
    p = np.clip(p_click(user, item), 1e-7, 1 - 1e-7)
    features = torch.from_numpy(np.column_stack([np.log(p / (1 - p)), -np.log(place)]).astype(np.float32))
    choices = _shown(features, user, item, rows) if rows.are_impressions else _clicked_next(features, user, item, rows)
    if choices is None:
        return SlateValue()
    p_weight, place_weight = (max(float(weight), 0.0) for weight in fit_conditional_logit(choices))
    return SlateValue(p_weight, place_weight) if p_weight or place_weight else SlateValue()


def _clicked_next(features: torch.Tensor, user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], rows: Interactions) -> Choices | None:
    return _choices(features, user, np.isin(_pair(user, item), _pair(rows.user, rows.item)[rows.label > 0]))


def _shown(features: torch.Tensor, user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], rows: Interactions) -> Choices | None:
    """Among the listed items that a user was shown, those that were clicked."""
    pairs = _pair(user, item)
    shown = np.isin(pairs, _pair(rows.user, rows.item))
    clicked = np.isin(pairs[shown], _pair(rows.user, rows.item)[rows.label > 0])
    return _choices(features[torch.from_numpy(shown)], user[shown], clicked)


def _choices(features: torch.Tensor, user: npt.NDArray[np.int32], clicked: npt.NDArray[np.bool_]) -> Choices | None:
    """Of users with a click; None where there are too few clicks."""
    if clicked.sum() < MIN_CLICKS:
        return None
    of_clicker = np.isin(user, user[clicked])
    number = np.unique(user[of_clicker], return_inverse=True)[1].astype(np.int64)
    kept = torch.from_numpy(of_clicker)
    return Choices(features[kept], torch.from_numpy(number), torch.from_numpy(clicked[of_clicker]), int(number.max()) + 1)


def _pair(user: npt.NDArray[np.int32], item: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    return user.astype(np.int64) << 32 | item
