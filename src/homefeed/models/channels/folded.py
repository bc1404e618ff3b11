"""The blend as one request can compute it: all in units of the recall model's score, so that a user's order is one dot product and a few additions.

``dssm``, what is hot, and the user's own events are in it; items that are used together are not: they take a matrix of items.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from homefeed.models.channels.names import AGAIN, DSSM, IN_VAIN, RECENT_EVENTS
from homefeed.models.tower import History

Floats = npt.NDArray[np.float32]


def in_dssm_units(blend: Mapping[str, float]) -> dict[str, float]:
    """Each channel's weight by that of the recall model; the recall model alone where the blend has no use for it."""
    unit = blend.get(DSSM, 0.0)
    return {name: weight / unit for name, weight in blend.items()} if unit > 0 else {DSSM: 1.0}


def item_boost(blend: Mapping[str, float], for_all: Mapping[str, Floats], newcomers: Mapping[str, float] | None = None) -> Floats:
    """What the channels that say the same to everybody (by name f32[N]) add to an item's score.

    f32[N] in units of the recall model's score; f32[2, N] where newcomers have a blend of their own, the second row in that blend's units.
    """
    boost = _boost(in_dssm_units(blend), for_all)
    return boost if newcomers is None else np.stack([boost, _boost(newcomers, for_all)])


def newcomers_scores(scores: Floats, newcomers: Mapping[str, float], item_boost: Floats) -> Floats:
    """f32[N] for who has done nothing yet, from the recall model's scores f32[N]."""
    blended: Floats = np.float32(newcomers.get(DSSM, 0.0)) * scores + item_boost[1]
    return blended


def add_own_events(scores: Floats, blend: Mapping[str, float], history: History) -> None:
    """In place, to f32[N]: what the user has clicked, fading with its latest time, and what was shown in vain."""
    weights, age = in_dssm_units(blend), np.arange(len(history.item) - 1, -1, -1)
    for name, kept, said in ((AGAIN, history.clicked, np.exp(-age / RECENT_EVENTS)), (IN_VAIN, ~history.clicked, np.ones(len(age)))):
        if weight := weights.get(name, 0.0):
            own, latest = np.unique(history.item[kept][::-1], return_index=True)
            scores[own] += np.float32(weight) * said[kept][::-1][latest].astype(np.float32)


def _boost(weights: Mapping[str, float], for_all: Mapping[str, Floats]) -> Floats:
    boost: Floats = np.sum([np.float32(weights.get(name, 0.0)) * said for name, said in for_all.items()], axis=0).astype(np.float32)
    return boost
