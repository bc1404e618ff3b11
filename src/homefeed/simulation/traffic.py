"""The log of a world: who came when, what the shop showed them, what they clicked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.simulation.world import Ints, World

DAY_SECONDS = 86_400
_VISITS_BY_HOUR = (2, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 6, 6, 5, 5, 5, 6, 7, 9, 10, 9, 7, 4)
_POPULAR_SPREAD = 0.6
_TAG_SHARPNESS = 1.2


@dataclass(frozen=True, slots=True)
class Log:
    """Impressions in order of time; those of one list stand together and share user and ``ts``.

    ``ts``: int64[n], seconds. ``user``, ``item``: int64[n], rows of the world. ``label``: bool[n], clicked.
    """

    ts: Ints
    user: Ints
    item: Ints
    label: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ts)


def demo_log(world: World, seed: int) -> Log:
    """The log of a world under a generator of its own, so that world and log of one seed share no draws."""
    return make_log(world, np.random.default_rng([seed, 1]))


def make_log(world: World, rng: np.random.Generator) -> Log:
    """All lists of all days under a logging policy that mixes popularity, tastes by tag and exploration."""
    user, ts = _visits(world, rng)
    day = (ts - world.settings.first_ts) // DAY_SECONDS
    exposure = rng.lognormal(0, _POPULAR_SPREAD, len(world.item_ids))
    shown = np.concatenate([_show(world, user[day == d], d, exposure, rng) for d in range(world.settings.days)]).ravel()
    ts, user, day = (np.repeat(column, world.settings.list_size) for column in (ts, user, day))
    label = rng.random(len(shown)) < world.click_probability(user, shown, day)
    return Log(ts, user, shown, label)


def _visits(world: World, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """One list each: user and ts (seconds), in order of time. Whoever arrived in time comes at least once, on the day of arrival."""
    settings = world.settings
    arrived = np.flatnonzero(world.is_active())
    weight = world.activity[arrived].astype(np.float64) * (settings.days - world.arrival_day[arrived])
    further = rng.choice(arrived, settings.lists - len(arrived), p=weight / weight.sum())
    day = world.arrival_day[further] + (rng.random(len(further)) * (settings.days - world.arrival_day[further])).astype(np.int64)
    user, day = np.concatenate([arrived, further]), np.concatenate([world.arrival_day[arrived], day])
    midnight = settings.first_ts + day * DAY_SECONDS
    ts = midnight + second_of_day(len(day), rng)
    while (clash := again(user, ts)).any():
        ts[clash] = midnight[clash] + second_of_day(int(clash.sum()), rng)
    order = np.lexsort((user, ts))
    return user[order], ts[order]


def second_of_day(count: int, rng: np.random.Generator) -> Ints:
    visits = np.asarray(_VISITS_BY_HOUR) / sum(_VISITS_BY_HOUR)
    return rng.choice(24, count, p=visits) * 3_600 + rng.integers(0, 3_600, count)


def again(user: Ints, ts: Ints) -> npt.NDArray[np.bool_]:
    """Every visit whose user already has another in that second."""
    again = np.ones(len(user), np.bool_)
    again[np.unique(user * 2**32 + ts, return_index=True)[1]] = False
    return again


def _show(world: World, user: Ints, day: int, exposure: npt.NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """The day's lists: int64[len(user), list_size], without repeats inside a list."""
    shape = (len(user), world.settings.list_size)
    policy = rng.random(shape)
    shown = _draw_popular(world, day, exposure, shape, rng)
    by_tags = policy < world.settings.tag_driven
    shown[by_tags] = _draw_by_tags(world, np.repeat(user, by_tags.sum(1)), day, rng)
    at_random = policy > 1 - world.settings.exploration
    shown[at_random] = _draw_any(world, day, int(at_random.sum()), rng)
    while (again := repeated(shown)).any():
        shown[again] = _draw_any(world, day, int(again.sum()), rng)
    return shown


def _draw_any(world: World, day: int, count: int, rng: np.random.Generator) -> Ints:
    return rng.choice(np.flatnonzero(world.launched(day)), count)


def _draw_popular(world: World, day: int, exposure: npt.NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator) -> Ints:
    """By what the shop promotes (no better known to it than by a guess) and what everybody likes."""
    weight = exposure * np.exp(world.appeal(np.arange(len(exposure)), day)) * world.launched(day)
    return rng.choice(len(weight), shape, p=weight / weight.sum())


def _draw_by_tags(world: World, user: Ints, day: int, rng: np.random.Generator) -> Ints:
    """One item for each user, by the taste of users with the same tags: all inverse distributions in one sorted array, one search."""
    _, member, group = np.unique(world.user_tags[user], axis=0, return_index=True, return_inverse=True)
    affinity = world.tag_taste[user[member]] @ world.item_taste.T
    weight = np.exp(_TAG_SHARPNESS * affinity.astype(np.float64)) * world.launched(day)
    cumulated = np.cumsum(weight, axis=1)
    upto = cumulated / cumulated[:, -1:] + np.arange(len(member))[:, None]
    found = np.searchsorted(upto.ravel(), group.ravel() + rng.random(len(user)), side="right")
    return np.asarray(np.minimum(found - group.ravel() * weight.shape[1], weight.shape[1] - 1), np.int64)


def repeated(shown: Ints) -> npt.NDArray[np.bool_]:
    """Every place whose item already stands further left in its list."""
    order = np.argsort(shown, axis=1, kind="stable")
    ordered = np.take_along_axis(shown, order, axis=1)
    same = np.zeros(shown.shape, np.bool_)
    same[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    found = np.empty_like(same)
    np.put_along_axis(found, order, same, axis=1)
    return found
