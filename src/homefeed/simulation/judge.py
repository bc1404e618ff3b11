"""How good slates truly are, on the day after the log, between a random slate (0) and the best possible one (1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.simulation.world import Floats, Ints, World

_USERS_AT_ONCE = 500
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class GroupRates:
    """True click rates (0 to 1) of slates for the same users, and the share of the gap between ``random`` and ``best`` that ``ours`` and ``hot`` close."""

    users: int
    random: float
    hot: float
    ours: float
    best: float
    closed: float
    closed_interval: tuple[float, float]
    """95 %, bootstrap over users."""
    hot_closed: float


@dataclass(frozen=True, slots=True)
class TrueRates:
    """None where no such user was judged."""

    active: GroupRates | None
    by_tags_alone: GroupRates | None


def true_rates(world: World, slates: Mapping[str, Sequence[str]], hot: Sequence[str], *, top_k: int = 10, seed: int = 0) -> TrueRates:
    """Judge the first ``top_k`` of each user's slate (uid -> item ids) and of one ``hot`` list for everybody.

    A missing, foreign or repeated item earns nothing. Raises ``KeyError`` for a uid that is not of this world.
    """
    row_of = {uid: row for row, uid in enumerate(world.user_ids.tolist())}
    users = np.fromiter((row_of[uid] for uid in slates), np.int64, len(slates))
    ours = _as_rows(world, list(slates.values()), top_k)
    alike = _as_rows(world, [hot], top_k)
    rates = np.concatenate(
        [_rates(world, users[s : s + _USERS_AT_ONCE], ours[s : s + _USERS_AT_ONCE], alike) for s in range(0, len(users), _USERS_AT_ONCE)] or [np.empty((0, 4))]
    )
    active = world.is_active()[users]
    return TrueRates(_of_group(rates[active], seed), _of_group(rates[~active], seed))


def sample_uids(world: World, active: int, by_tags_alone: int, rng: np.random.Generator) -> tuple[str, ...]:
    """So many users of each group (fewer where there are fewer), to be judged."""
    groups = ((np.flatnonzero(world.is_active()), active), (np.flatnonzero(~world.is_active()), by_tags_alone))
    return tuple(uid for rows, count in groups for uid in world.user_ids[rng.permutation(rows)[:count]].tolist())


def _as_rows(world: World, slates: Sequence[Sequence[str]], top_k: int) -> Ints:
    """int64[slates, top_k]: rows of the world's items; N, which nobody clicks, where an item is missing, foreign or repeated."""
    nothing = len(world.item_ids)
    row_of = {iid: row for row, iid in enumerate(world.item_ids.tolist())}
    rows = np.full((len(slates), top_k), nothing, np.int64)
    for n, slate in enumerate(slates):
        known = [row_of.get(iid, nothing) for iid in dict.fromkeys(slate[:top_k])]
        rows[n, : len(known)] = known
    return rows


def _rates(world: World, users: Ints, ours: Ints, hot: Ints) -> npt.NDArray[np.float64]:
    """float64[users, 4]: random, hot, ours, best."""
    day, top_k = world.settings.days, ours.shape[1]
    table = world.click_table(users, day)
    best = np.sort(np.partition(table, -top_k, axis=1)[:, -top_k:], axis=1)
    at_random = table[:, world.launched(day)]
    clicked = np.pad(table, ((0, 0), (0, 1)))
    columns: list[Floats] = [at_random, clicked[:, hot[0]], np.take_along_axis(clicked, ours, 1), best]
    return np.stack([column.mean(1, dtype=np.float64) for column in columns], axis=1)


def _of_group(rates: npt.NDArray[np.float64], seed: int) -> GroupRates | None:
    if not len(rates):
        return None
    rng = np.random.default_rng(seed)
    resampled = np.stack([rates[rng.integers(0, len(rates), len(rates))].mean(0) for _ in range(_RESAMPLES)])
    low, high = np.quantile(_closed(resampled, ours=2), (0.025, 0.975))
    mean = rates.mean(0)
    random, hot, ours, best = mean.tolist()
    return GroupRates(len(rates), random, hot, ours, best, float(_closed(mean, ours=2)), (float(low), float(high)), float(_closed(mean, ours=1)))


def _closed(rates: npt.NDArray[np.float64], ours: int) -> npt.NDArray[np.float64]:
    """Share of the gap, along the last axis of ``random, hot, ours, best``."""
    return np.asarray((rates[..., ours] - rates[..., 0]) / (rates[..., 3] - rates[..., 0]))
