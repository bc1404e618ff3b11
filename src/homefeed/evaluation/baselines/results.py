"""What the baselines leave behind: lists, probabilities, and how each came about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.metrics.ranking import RankedRows


@dataclass(frozen=True, slots=True)
class BaselineNote:
    """How a baseline was fitted, in words for a report.

    ``seconds``: wall time, tuning included. ``tuning``: what was tried on the validation slice of the train side, and what won. ``remark``: where it
    differs from the rule (fewer items, no time left, package missing); empty where it does not. ``finished``: False where it gave nothing.
    """

    seconds: float
    tuning: str
    remark: str
    finished: bool


@dataclass(frozen=True, slots=True)
class BaselineResults:
    """By name. ``lists``: int32[U, k], item rows for the protocol's users, best first, seen left out, 0-padded. ``p_click``: float32[N_test].

    ``notes`` names all that were asked for; who is not in ``lists`` nor in ``p_click`` did not finish.
    """

    lists: dict[str, RankedRows]
    p_click: dict[str, npt.NDArray[np.float32]]
    notes: dict[str, BaselineNote]
