"""A shop whose logits are those of a factor model that is written down: every figure of a fit can be held against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions
from homefeed.core.progress import Silent
from homefeed.features.entities import EntityTable
from homefeed.models.factors import Factors
from homefeed.models.inputs import Inputs, inputs_for
from homefeed.training.factors.fit import fit_factors
from homefeed.training.rank_rows import RankRows

Doubles = npt.NDArray[np.float64]
TASTES, USER_TAGS, ITEM_TAGS, LIKES = 3, 6, 8, 5
BIAS = -1.5


@dataclass(frozen=True)
class PlantedFactors:
    """``user`` f64[U, 1 + 3] and ``item`` f64[I, 1 + 3]: true bias and taste; row 0 is the unknown entity and in no log row."""

    users: EntityTable
    items: EntityTable
    user: Doubles
    item: Doubles

    @property
    def map_size(self) -> int:
        return len(self.users) + len(self.items) + USER_TAGS + ITEM_TAGS + LIKES

    def logit(self, user: npt.NDArray[np.int32], item: npt.NDArray[np.int32]) -> Doubles:
        pair: Doubles = np.einsum("rk,rk->r", self.user[user, 1:], self.item[item, 1:])
        return BIAS + self.user[user, 0] + self.item[item, 0] + pair

    def log(self, rng: np.random.Generator, n_rows: int, first_user: int = 1, first_item: int = 1) -> Interactions:
        """Pairs at random, a second apart, clicked as the truth says. ``first_user``, ``first_item``: those before have no row."""
        user = rng.integers(first_user, len(self.users), n_rows).astype(np.int32)
        item = rng.integers(first_item, len(self.items), n_rows).astype(np.int32)
        return rows_of(user, item, clicks(rng, self.logit(user, item)))

    def inputs(self, rows: Interactions, min_count: int = 1) -> Inputs:
        return inputs_for(self.users, self.items, rows.user, rows.item, self.map_size, min_count)


def planted_factors(rng: np.random.Generator, n_users: int, n_items: int) -> PlantedFactors:
    """Tags carry the most of a taste; an entity's own part comes on top. A user's likes and number carry nothing."""
    tags = 1 + n_users + 1 + n_items + np.arange(USER_TAGS + ITEM_TAGS + LIKES, dtype=np.int32)
    user_tag, item_tag = rng.integers(0, USER_TAGS, n_users + 1), rng.integers(0, ITEM_TAGS, n_items + 1)
    likes = np.sort(rng.choice([0, *tags[-LIKES:]], (n_users + 1, 2)))[:, ::-1]
    likes[likes[:, 0] == likes[:, 1], 1] = 0
    users = EntityTable([""] * (n_users + 1), _slots(n_users, 1, tags[user_tag]), {"likes": likes.astype(np.int32)}, _number(rng, n_users))
    items = EntityTable([""] * (n_items + 1), _slots(n_items, 1 + n_users, tags[USER_TAGS + item_tag]), {}, _number(rng, n_items))
    of_user = rng.normal(0, [0.2, 0.7, 0.7, 0.7], (USER_TAGS, 4))[user_tag] + rng.normal(0, [0.4, 0.3, 0.3, 0.3], (n_users + 1, 4))
    of_item = rng.normal(0, [0.5, 1.2, 1.2, 1.2], (ITEM_TAGS, 4))[item_tag] + rng.normal(0, [0.4, 0.4, 0.4, 0.4], (n_items + 1, 4))
    return PlantedFactors(users, items, of_user, of_item)


def rows_of(
    user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], label: npt.NDArray[np.float32], position: npt.NDArray[np.int32] | None = None
) -> Interactions:
    """A second apart, each of weight 1, all equally hot."""
    n, ones = len(user), np.ones(len(user), np.float32)
    return Interactions(np.arange(n) * 10**6, user, item, label, ones, ones, np.zeros(n, np.bool_), position)


def clicks(rng: np.random.Generator, logit: Doubles) -> npt.NDArray[np.float32]:
    drawn: npt.NDArray[np.float32] = (rng.random(len(logit)) < probability(logit)).astype(np.float32)
    return drawn


def probability(logit: npt.NDArray[np.floating]) -> Doubles:
    p: Doubles = 1 / (1 + np.exp(-np.clip(np.asarray(logit, np.float64), -700, 700)))
    return p


def fitted(inputs: Inputs, rows: Interactions, seed: int = 1) -> tuple[Factors, npt.NDArray[np.float32]]:
    return fit_factors(inputs, rows, RankRows.of(rows).hotness.numpy(), seed, Silent(), "Factors")


def logits(factors: Factors, inputs: Inputs, user: npt.NDArray[np.int32], item: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """As hot as everything is on average."""
    of_users, of_items = factors.of_users(inputs.users.encoded()), factors.of_items(inputs.items.encoded())
    return factors.logits(of_users[user], of_items[item], np.zeros(len(user), np.float32))


def _slots(n: int, first: int, tag: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    slots = np.column_stack([np.concatenate([[0], np.arange(first, first + n)]), tag]).astype(np.int32)
    slots[0] = 0
    return slots


def _number(rng: np.random.Generator, n: int) -> npt.NDArray[np.float32]:
    return rng.normal(size=(n + 1, 1)).astype(np.float32)
