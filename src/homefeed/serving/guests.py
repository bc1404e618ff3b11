"""Tags of people without a list: a guest's from the request, a known user's from the release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.core.columns import Column
from homefeed.core.errors import ArtifactError
from homefeed.features.entities import EntityTable

SEPARATOR = "|"
"""Joins several values of one tag in a request, beside the separator of the tag's own column."""


class GuestReader:
    """Tags as a row of the user table, the id unknown. Categories and multi-valued tags only: a number column is missing for a guest."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises ``ArtifactError`` where the bundle's tags are not those of its user table."""
        bags = {name: bundle.tag_slots.get(Column(name, "multi").element_field, {}) for name in bundle.users.bags}
        in_bags = {*bags, *(Column(name, "multi").element_field for name in bags)}
        self._categories = {name: slots for name, slots in bundle.tag_slots.items() if name not in in_bags}
        self._bags = bags
        self._separators = {name: bundle.separators.get(name, SEPARATOR) for name in bags}
        self._users = bundle.users
        if len(self._categories) != bundle.users.slots.shape[1] - 1:
            raise ArtifactError(f"The tags of release {bundle.release.id} do not fit its user table", next_step="Export again: homefeed export")

    def read(self, tags: Mapping[str, Sequence[str]]) -> EntityTable | None:
        """One row, or None where the shop knows none of the tags. Of a category's values the last counts."""
        slots = [0, *(known.get(tags.get(name, ("",))[-1], 0) for name, known in self._categories.items())]
        bags = {name: _bag(known, tags.get(name, ()), self._separators[name]) for name, known in self._bags.items()}
        if not any(slots) and not any(bag.any() for bag in bags.values()):
            return None
        return EntityTable([""], np.array([slots], np.int32), bags, np.full((1, self._users.numbers.shape[1]), np.nan, np.float32))

    def of_user(self, row: int) -> EntityTable | None:
        """The user's own row, or None where it holds no tag."""
        user = one_user(self._users, row)
        return user if user.slots[:, 1:].any() or any(bag.any() for bag in user.bags.values()) else None


def one_user(users: EntityTable, row: int) -> EntityTable:
    """The table of the user at ``row``; of nobody in particular at 0."""
    part = slice(row, row + 1)
    return EntityTable(users.ids[part], users.slots[part], {name: bag[part] for name, bag in users.bags.items()}, users.numbers[part])


def _bag(known: Mapping[str, int], texts: Sequence[str], separator: str) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    parts = [part.strip() for text in texts for part in text.split(separator)]
    values = [value.strip() for part in parts for value in ([part] if part in known else part.split(SEPARATOR))]
    slots = [known[value] for value in dict.fromkeys(values) if value in known]
    return np.array([slots or [0]], np.int32)
