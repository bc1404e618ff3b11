"""How a world comes about: draws of tags, tastes, qualities and dates, scaled to the strengths of the settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from homefeed.simulation.draws import item_taste, normal, of_tags, skewed
from homefeed.simulation.raw_ids import raw_ids
from homefeed.simulation.world import Floats, Ints, World, WorldSettings

DEMO_SEED = 7


def demo_world(seed: int = DEMO_SEED) -> World:
    """The demo's shop: about the size of the data the contract was written for."""
    return make_world(WorldSettings(), np.random.default_rng(seed))


def make_world(settings: WorldSettings, rng: np.random.Generator) -> World:
    """The same settings and generator state give the same world, to the last bit."""
    user_tags, item_tags = _user_tags(settings, rng), _item_tags(settings, rng)
    taste = item_taste(item_tags, settings.item_tag_values, settings.factors, settings.item_part, rng)
    world = World(
        settings=settings,
        user_ids=raw_ids(settings.users, rng),
        item_ids=raw_ids(settings.items, rng),
        user_tag_ids=tuple(raw_ids(n, rng) for n in settings.user_tag_values),
        item_tag_ids=tuple(raw_ids(n, rng) for n in settings.item_tag_values),
        user_tags=user_tags,
        item_tags=item_tags,
        tag_taste=of_tags(user_tags, settings.user_tag_values, settings.factors, rng) * np.float32(settings.tag_taste),
        personal_taste=normal((settings.users, settings.factors), rng) * np.float32(settings.personal_taste),
        item_taste=taste,
        eagerness=normal((settings.users,), rng) * np.float32(settings.eagerness),
        quality=_quality(settings, item_tags, rng),
        freshness=np.abs(normal((settings.items,), rng)) * np.float32(settings.freshness),
        trend=normal((settings.items,), rng) * np.float32(settings.trend),
        launch_day=_launch_day(settings, rng),
        arrival_day=_arrival_day(settings, rng),
        activity=rng.lognormal(0, 1, settings.users).astype(np.float32),
        base=0.0,
    )
    return replace(world, base=_base(world, rng))


def _user_tags(settings: WorldSettings, rng: np.random.Generator) -> Ints:
    return np.stack([skewed(n, settings.users, rng) for n in settings.user_tag_values], axis=1)


def _item_tags(settings: WorldSettings, rng: np.random.Generator) -> Ints:
    """Category, brand, price band: a brand is at home in one category and sells there most of the time."""
    categories, brands, bands = settings.item_tag_values
    brand = skewed(brands, settings.items, rng)
    home = skewed(categories, brands, rng)[brand]
    elsewhere = rng.random(settings.items) < 0.15
    category = np.where(elsewhere, rng.integers(0, categories, settings.items), home)
    band = np.clip(np.rint(rng.normal(brand % bands, bands / 6)), 0, bands - 1).astype(np.int64)
    return np.stack([category, brand, band], axis=1)


def _quality(settings: WorldSettings, item_tags: Ints, rng: np.random.Generator) -> Floats:
    explained = of_tags(item_tags, settings.item_tag_values, 1, rng)[:, 0]
    return np.asarray(settings.tag_quality * explained + settings.own_quality * normal((settings.items,), rng), np.float32)


def _launch_day(settings: WorldSettings, rng: np.random.Generator) -> Ints:
    day = -rng.integers(0, 60, settings.items)
    launching = rng.permutation(settings.items)[: round(settings.launching_share * settings.items)]
    day[launching] = rng.integers(1, settings.days, len(launching))
    return np.asarray(day, np.int64)


def _arrival_day(settings: WorldSettings, rng: np.random.Generator) -> Ints:
    """Most have been here before the first day; silent users have not come yet."""
    day = np.minimum(rng.geometric(0.5, settings.users) - 1, settings.days - 1).astype(np.int64)
    order = rng.permutation(settings.users)
    silent, late = round(settings.silent_share * settings.users), round(settings.late_share * settings.users)
    day[order[:silent]] = settings.days
    day[order[silent : silent + late]] = settings.days - 1
    return day


def _base(world: World, rng: np.random.Generator) -> float:
    """The constant at which a random user clicks a random launched item as often as the settings say, by bisection."""
    users, items = rng.integers(0, len(world.user_ids), 200_000), rng.integers(0, len(world.item_ids), 200_000)
    day = np.maximum(rng.integers(0, world.settings.days, 200_000), world.launch_day[items])
    low, high = -20.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        rate = replace(world, base=middle).click_probability(users, items, day).mean(dtype=np.float64)
        low, high = (middle, high) if rate < world.settings.random_click_rate else (low, middle)
    return (low + high) / 2
