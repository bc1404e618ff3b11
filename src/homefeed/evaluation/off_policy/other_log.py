"""A second log beside the first: whether the two fill the same places, and what the second policy earned in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from homefeed.core.errors import InputError
from homefeed.evaluation.off_policy.estimators import OwnMean
from homefeed.evaluation.off_policy.logged import LoggedRows


def own_mean(rows: LoggedRows, other: LoggedRows) -> OwnMean:
    """The other log's clicks per impression, its positions weighed as they occur in ``rows``."""
    ours, theirs = (np.bincount(log.place, minlength=rows.places) / len(log) for log in (rows, other))
    return OwnMean(other.user, other.click, (ours / theirs)[other.place])


def refuse_other_positions(rows: LoggedRows, other: LoggedRows, against: Path) -> None:
    """Raises ``InputError`` where one log fills a position that the other does not."""
    ours, theirs = (set(np.unique(log.place + 1).tolist()) for log in (rows, other))
    if ours != theirs:
        raise InputError(
            f"The two logs fill different places: {_named(ours)} here, {_named(theirs)} in {against}",
            expected="both to show the same positions, or a policy of one says nothing of the other's",
            next_step="Keep the rows of the positions that both have",
        )


def _named(positions: set[int]) -> str:
    named = sorted(positions)
    return f"position{'s' if len(named) > 1 else ''} {', '.join(map(str, named[:10]))}{' …' if len(named) > 10 else ''}"
