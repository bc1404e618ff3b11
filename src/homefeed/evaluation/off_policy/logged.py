"""The log as off-policy evaluation reads it: what was shown where, with which probability, and whether it was clicked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions
from homefeed.core.errors import InputError

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

UNSEEN_ROWS = 20
"""Items that together were due in so many rows of a position, and never came, are no chance (e^-20)."""
SIGMAS = 5.0
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """N impressions. ``user`` and ``item``: rows of the entity tables; ``place``: position less one; ``click``: 0 or 1; ``propensity`` in (0, 1]."""

    user: Ints
    place: Ints
    item: Ints
    click: Doubles
    propensity: Doubles

    def __len__(self) -> int:
        return len(self.user)

    @property
    def places(self) -> int:
        return int(self.place.max(initial=-1)) + 1

    def shown(self, n_items: int) -> npt.NDArray[np.bool_]:
        """bool[places, n_items]: what was shown where at least once. Item 0, the unknown one, counts as never shown."""
        shown = np.zeros((self.places, n_items), np.bool_)
        shown[self.place, self.item] = True
        shown[:, 0] = False
        return shown


def logged_rows(rows: Interactions, n_items: int) -> LoggedRows:
    """The rows of the log (drawn ones left out); a log without the column ``position`` has one place. ``n_items``: rows of the item table.

    Raises ``InputError`` where the log has no propensities, or where they cannot be what they should be.
    """
    rows = rows.of_the_log()
    if rows.propensity is None:
        raise InputError(
            "The log has no column propensity, so nothing can be said about a policy that did not make it",
            expected="in each row of shop.dat the probability with which the item was shown to this user at this position, when it was shown",
            next_step="Log it from now on; a policy that leaves nothing to chance has propensity 1 everywhere and answers no such question",
        )
    place = np.zeros(len(rows), np.int64) if rows.position is None else rows.position.astype(np.int64) - 1
    _check_values(rows.propensity, place)
    logged = LoggedRows(rows.user.astype(np.int64), place, rows.item.astype(np.int64), (rows.label > 0).astype(np.float64), rows.propensity)
    _check_sums(logged, n_items)
    return logged


def _check_values(propensity: Doubles, place: Ints) -> None:
    wrong = ~((propensity > 0) & (propensity <= 1))
    if wrong.any():
        raise InputError(
            f"{int(wrong.sum()):,} of {len(wrong):,} rows have no propensity in (0, 1], the first of them has {propensity[wrong][0]}",
            expected="a probability above 0 and not above 1 in each row: what was shown had some chance",
            next_step="Mend the column propensity, or leave the rows out whose chance is not known if that does not depend on what was clicked",
        )
    if (place < 0).any():
        raise InputError(
            f"{int((place < 0).sum()):,} of {len(place):,} rows have no position", expected="1, 2, 3, … in each row, or no column position at all (one place)"
        )


def _check_sums(rows: LoggedRows, n_items: int) -> None:
    """At one position the chances of all items add up to 1. Where each item always had the same one, that can be added up; elsewhere the mean of
    1 / propensity tells how many items had a chance, and there are not more than the shop has.
    """
    for place in range(rows.places):
        here = rows.place == place
        item, propensity = rows.item[here], rows.propensity[here]
        if not len(item):
            continue
        _check_fixed(place + 1, item, propensity) if _fixed(item, propensity) else _check_inverse(place + 1, propensity, n_items - 1)


def _fixed(item: Ints, propensity: Doubles) -> bool:
    """Whether each item has one propensity."""
    order = np.lexsort((propensity, item))
    same = np.diff(item[order]) == 0
    return bool(np.all(np.diff(propensity[order])[same] <= 1e-9)) and bool(same.any())


def _check_fixed(position: int, item: Ints, propensity: Doubles) -> None:
    _, first = np.unique(item, return_index=True)
    total, rows = float(propensity[first].sum()), len(item)
    if total > 1.01 or (1 - total) * rows > UNSEEN_ROWS:
        raise InputError(
            f"At position {position} the propensities of the {len(first):,} items that were shown there add up to {total:.4f} over {rows:,} rows",
            expected="a sum of 1, less what was too rare to be shown once",
            next_step="Is it the probability of this item at this position, and not that of the whole list or of being anywhere in it?",
        )


def _check_inverse(position: int, propensity: Doubles, n_items: int) -> None:
    inverse = 1 / propensity
    mean, error = float(inverse.mean()), float(inverse.std() / np.sqrt(len(inverse)))
    if mean > n_items * (1 + TOLERANCE) + SIGMAS * error:
        raise InputError(
            f"At position {position} the mean of 1 / propensity is {mean:,.1f}, as if {mean:,.0f} items had a chance there; the shop has {n_items:,}",
            expected="probabilities that add up to 1 over the items of a position",
            next_step="Is it the probability of this item at this position, and not that of the whole list?",
        )
