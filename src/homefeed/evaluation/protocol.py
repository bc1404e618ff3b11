"""Who is asked, and what would have been right: users who click in the test side, and what they click there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.metrics.ranking import Relevant, relevant_items

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Protocol:
    """``users``: int32[U], rows of the user table, ascending; everything else is aligned with it.

    ``relevant``: distinct items clicked in the test side, less what no list may hold. ``seen``: items clicked in the train side, empty where
    the shop shows such items again. ``warm``: bool[U], users with a train row. ``catalogue``: int32[N], rows of the items that lists may hold.
    """

    users: npt.NDArray[np.int32]
    relevant: Relevant
    seen: Relevant
    warm: Mask
    catalogue: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.users)


def protocol_of(dataset: ProcessedDataset) -> Protocol:
    """Users with at least one relevant item. Unavailable items are neither relevant nor listed: the feed could not have shown them."""
    allowed = dataset.facts.available.copy()
    allowed[0] = False
    n_users = len(dataset.users)
    seen = _clicked(dataset.train, n_users) if dataset.meta.seen.policy == "exclude" else relevant_items(np.zeros(0, np.int32), np.zeros(0, np.int32), n_users)
    clicked = _clicked(dataset.test, n_users)
    relevant = _less(clicked, seen, allowed)
    users = np.flatnonzero(relevant.counts()).astype(np.int32)
    users = users[users > 0]
    return Protocol(users, _of(relevant, users), _of(seen, users), warm_users(dataset)[users], np.flatnonzero(allowed).astype(np.int32))


def evaluated_users(dataset: ProcessedDataset) -> npt.NDArray[np.int32]:
    """int32[U]: rows of the users whose lists and slates ``evaluate`` wants, in this order."""
    return protocol_of(dataset).users


def warm_users(dataset: ProcessedDataset) -> Mask:
    """bool[all user rows]: users with a train row."""
    return np.bincount(dataset.train.user, minlength=len(dataset.users)) > 0


def _clicked(rows: Interactions, n_users: int) -> Relevant:
    clicks = rows.label > 0
    return relevant_items(rows.user[clicks], rows.item[clicks], n_users)


def _less(clicked: Relevant, seen: Relevant, allowed: Mask) -> Relevant:
    """``clicked`` without what the same user has seen and without items that are not ``allowed``."""
    user = _user_of(clicked)
    width = len(allowed)
    again = np.isin(user * width + clicked.items, _user_of(seen) * width + seen.items)
    stays = ~again & allowed[clicked.items]
    return relevant_items(user[stays], clicked.items[stays], len(clicked))


def _of(pairs: Relevant, users: npt.NDArray[np.int32]) -> Relevant:
    """Those of ``users``, renumbered from 0."""
    new_row = np.full(len(pairs), -1, np.int64)
    new_row[users] = np.arange(len(users))
    user = new_row[_user_of(pairs)]
    return relevant_items(user[user >= 0], pairs.items[user >= 0], len(users))


def _user_of(pairs: Relevant) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(len(pairs), dtype=np.int64), pairs.counts())
