"""A small shop with a known answer, for tests: each user likes one kind of item and hardly anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homefeed.simulation.raw_ids import Ids, raw_ids
from homefeed.simulation.shop_files import write_columns
from homefeed.simulation.traffic import DAY_SECONDS
from homefeed.simulation.world import Ints

KINDS = 3
_LIKED_RATE, _OTHER_RATE = 0.5, 0.02
_DAYS, _LIST_SIZE, _FIRST_TS = 10, 10, 1_759_708_800


@dataclass(frozen=True, slots=True)
class PlantedTruth:
    """``likes``: uid -> the items that user likes, equally well. ``active`` have log rows, ``cold`` are known by their tags alone."""

    likes: dict[str, frozenset[str]]
    active: tuple[str, ...]
    cold: tuple[str, ...]
    items: tuple[str, ...]
    rows: int

    def share_liked(self, uid: str, slate: Sequence[str]) -> float:
        """How much of a slate its user likes; a third by chance."""
        return sum(iid in self.likes[uid] for iid in slate) / len(slate)


def planted_taste_shop(folder: Path, seed: int = 1, *, users: int = 300, cold_users: int = 30, items: int = 60, lists_per_user: int = 5) -> PlantedTruth:
    """Write the three raw files (15,000 rows by default) and return what is true of them.

    ``utag1`` names a user's taste and ``itag1`` an item's kind; the other tags say nothing. Every active user has lists over all days.
    """
    rng = np.random.default_rng(seed)
    user_ids, item_ids = raw_ids(users + cold_users, rng), raw_ids(items, rng)
    taste, kind = np.arange(users + cold_users) % KINDS, np.arange(items) % KINDS
    _write_tags(folder / "user_feature.dat", user_ids, taste, (4,), rng)
    _write_tags(folder / "item_feature.dat", item_ids, kind, (6, 8), rng)
    user, ts = _visits(users, lists_per_user, rng)
    shown = np.argsort(rng.random((len(user), items)), axis=1)[:, :_LIST_SIZE].ravel()
    user, ts = np.repeat(user, _LIST_SIZE), np.repeat(ts, _LIST_SIZE)
    label = rng.random(len(shown)) < np.where(taste[user] == kind[shown], _LIKED_RATE, _OTHER_RATE)
    write_columns(folder / "shop.dat", ts.astype(np.str_), user_ids[user], item_ids[shown], label.astype(np.int8).astype(np.str_))
    uids, iids = tuple(user_ids.tolist()), tuple(item_ids.tolist())
    of_kind = [frozenset(iids[k::KINDS]) for k in range(KINDS)]
    return PlantedTruth({uid: of_kind[n % KINDS] for n, uid in enumerate(uids)}, uids[:users], uids[users:], iids, len(shown))


def _write_tags(path: Path, ids: Ids, telling: Ints, empty: tuple[int, ...], rng: np.random.Generator) -> None:
    """One tag that tells the taste or kind, then tags of so many values that say nothing."""
    columns = [raw_ids(KINDS, rng)[telling], *(raw_ids(n, rng)[rng.integers(0, n, len(ids))] for n in empty)]
    write_columns(path, ids, *columns)


def _visits(users: int, lists_per_user: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """User and ts of every list in order of time: each user once in every stretch of days, so that both sides of any split know them."""
    stretch = _DAYS * DAY_SECONDS // lists_per_user
    user = np.tile(np.arange(users), lists_per_user)
    ts = _FIRST_TS + np.repeat(np.arange(lists_per_user), users) * stretch + rng.integers(0, stretch, users * lists_per_user)
    order = np.argsort(ts, kind="stable")
    return user[order], ts[order]
