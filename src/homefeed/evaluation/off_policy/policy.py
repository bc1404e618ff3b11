"""A policy as a table of choices: what it would show, with which probability, in the situation of each logged row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.off_policy.logged import Doubles, Ints, LoggedRows

Table = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Policy:
    """``context``: int64[N], row of the table for each logged row. ``item``: int32[C, M], ``p``: float64[C, M], chances of these items there.

    An item of 0 is one that the log does not know. A row of ``p`` adds up to 1, or to less where the policy shows nothing or something unknown.
    ``text``: what the policy does, for people.
    """

    name: str
    text: str
    context: Ints
    item: Table
    p: Doubles

    def chance_of_logged(self, rows: LoggedRows) -> Doubles:
        """float64[N]: with which probability this policy shows the logged item at the logged position to the logged user."""
        width = int(max(self.item.max(initial=0), rows.item.max(initial=0))) + 1
        keys = (np.arange(len(self.item))[:, None] * width + self.item).ravel()
        order = np.argsort(keys, kind="stable")
        wanted = self.context * width + rows.item
        found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        return np.where((keys[found] == wanted) & (rows.item > 0), self.p.ravel()[found], 0.0)

    def unsupported(self, rows: LoggedRows, n_items: int) -> float:
        """Share of this policy's choices, over the logged rows, that the log never shows at that position; what it does not choose at all left out."""
        shown = rows.shown(n_items)
        pairs, times = np.unique(self.context * rows.places + rows.place, return_counts=True)
        context, place = np.divmod(pairs, rows.places)
        missing = np.array([self.p[c] @ ~shown[k, self.item[c]] for c, k in zip(context.tolist(), place.tolist(), strict=True)])
        return float(missing @ times / len(rows))

    def empty(self) -> float:
        """Share of the logged rows in which this policy shows nothing."""
        return float(1.0 - self.p.sum(1)[self.context].mean())


def uniform_policy(rows: LoggedRows, items: npt.NDArray[np.integer], name: str) -> Policy:
    """Any of ``items``, all alike."""
    table = np.asarray(items, np.int32)[None, :]
    text = f"each of the {len(items):,} items on sale with the same chance, at each position"
    return Policy(name, text, np.zeros(len(rows), np.int64), table, np.full(table.shape, 1.0 / max(len(items), 1)))


def fixed_list_policy(rows: LoggedRows, items: npt.NDArray[np.integer], name: str, text: str) -> Policy:
    """The same list for everybody: ``items`` from the first position on."""
    table = np.zeros((rows.places, 1), np.int32)
    table[: len(items), 0] = items[: rows.places]
    return Policy(name, text, rows.place, table, (table > 0).astype(np.float64))


def policy_of_log(rows: LoggedRows, other: LoggedRows, n_items: int, name: str) -> Policy:
    """What another log's policy does at each position, whoever comes: its propensities where each item always had the same one, else its shares of the rows.

    A policy that changes over time, or with the user, is taken for its average. Items that only the other log knows are 0 in ``other``.
    """
    table = np.zeros((max(rows.places, other.places), n_items))
    np.add.at(table, (other.place, other.item), 1.0)
    stated = _stated(other, table)
    share = table / np.maximum(table.sum(1, keepdims=True), 1.0) if stated is None else stated
    how = "shares of its log's rows at each position" if stated is None else "its log's propensities, which are the same for everybody"
    items = np.broadcast_to(np.arange(n_items, dtype=np.int32), share.shape)
    return Policy(name, f"the average policy of the other log: {how}", rows.place, items, share)


def _stated(other: LoggedRows, count: Doubles) -> Doubles | None:
    """float64[places, items]: the propensities where each item has one at a position; else None."""
    total, squares = np.zeros_like(count), np.zeros_like(count)
    np.add.at(total, (other.place, other.item), other.propensity)
    np.add.at(squares, (other.place, other.item), other.propensity**2)
    mean = total / np.maximum(count, 1.0)
    varies = squares / np.maximum(count, 1.0) - mean**2 > 1e-6 * mean**2
    return None if varies.any() or (count[:, 0] > 0).any() else mean
