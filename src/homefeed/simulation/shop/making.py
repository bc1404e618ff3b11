"""How a shop comes about: every part has a generator of its own, so that turning one knob leaves the other parts as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from homefeed.simulation.draws import item_taste, normal, of_tags, skewed
from homefeed.simulation.raw_ids import raw_ids
from homefeed.simulation.shop.dice import Stream, generator
from homefeed.simulation.shop.settings import ShopSettings
from homefeed.simulation.shop.shop import Shop, sigmoid
from homefeed.simulation.world import Floats, Ints

_PAIRS, _PAIRS_A_DAY = 200_000, 16
Draw = Callable[[], np.random.Generator]


def make_shop(settings: ShopSettings, seed: int) -> Shop:
    """The same settings and seed give the same shop, to the last bit."""
    parts = iter(range(100))

    def rng() -> np.random.Generator:
        return generator(seed, Stream.SHOP, next(parts))

    user_tags, (item_tags, dearness) = _user_tags(settings, rng()), _item_tags(settings, rng())
    draw = rng()
    shop = Shop(
        settings=settings,
        seed=seed,
        user_ids=raw_ids(settings.users, rng()),
        item_ids=raw_ids(settings.items, rng()),
        user_tag_ids=tuple(raw_ids(n, draw) for n in settings.user_tag_values),
        item_tag_ids=tuple(raw_ids(n, draw) for n in settings.item_tag_values),
        user_tags=user_tags,
        item_tags=item_tags,
        arrival_day=_arrival_day(settings, rng()),
        launch_day=_launch_day(settings, rng()),
        activity=rng().lognormal(0, settings.activity, settings.users).astype(np.float32),
        eagerness=normal((settings.users,), rng()) * np.float32(settings.eagerness),
        tag_taste=of_tags(user_tags, settings.user_tag_values, settings.factors, rng()) * np.float32(settings.tag_taste),
        personal_taste=_personal_taste(settings, rng()),
        mood=_mood(settings, rng()),
        fashion=_walk(settings, settings.factors, settings.fashion, rng()),
        item_taste=item_taste(item_tags, settings.item_tag_values, settings.factors, settings.item_part, rng()),
        price_sense=_price_sense(settings, user_tags, rng()),
        price=np.round(np.exp(3.0 + settings.price_spread * dearness), 2),
        dearness=dearness,
        quality=_quality(settings, item_tags, rng()),
        freshness=np.abs(normal((settings.items,), rng())) * np.float32(settings.freshness),
        trend=_walk(settings, settings.items, settings.trend, rng()),
        conversion=normal((settings.items,), rng()) * np.float32(settings.order_quality),
        base=0.0,
        order_base=0.0,
    )
    return _with_bases(shop, rng())


def _user_tags(settings: ShopSettings, rng: np.random.Generator) -> Ints:
    return np.stack([skewed(n, settings.users, rng) for n in settings.user_tag_values], axis=1)


def _item_tags(settings: ShopSettings, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Tags, and the standardised logarithm of the price that the third one is a band of; a brand is at home in one category and in one range of prices."""
    categories, brands, bands = settings.item_tag_values
    brand = skewed(brands, settings.items, rng)
    home, class_of = skewed(categories, brands, rng), normal((brands,), rng)
    elsewhere = rng.random(settings.items) < 0.15
    category = np.where(elsewhere, rng.integers(0, categories, settings.items), home[brand])
    dearness = 0.7 * class_of[brand] + np.sqrt(np.float32(0.51)) * normal((settings.items,), rng)
    dearness = ((dearness - dearness.mean()) / max(dearness.std(), 1e-6)).astype(np.float32)
    band = np.argsort(np.argsort(dearness, kind="stable"), kind="stable") * bands // settings.items
    return np.stack([category, brand, band], axis=1).astype(np.int64), dearness


def _arrival_day(settings: ShopSettings, rng: np.random.Generator) -> Ints:
    """Most have been here before day 0; silent users come after the log."""
    day, order = np.zeros(settings.users, np.int64), rng.permutation(settings.users)
    silent, late, arriving = (round(share * settings.users) for share in (settings.silent_share, settings.late_share, settings.arriving_share))
    day[order[:silent]] = settings.days
    day[order[silent : silent + late]] = settings.days - 1
    day[order[silent + late : silent + late + arriving]] = rng.integers(min(1, settings.days - 1), settings.days, arriving)
    return day


def _launch_day(settings: ShopSettings, rng: np.random.Generator) -> Ints:
    day = -rng.integers(0, 60, settings.items)
    launching = rng.permutation(settings.items)[: round(settings.launching_share * settings.items)]
    day[launching] = rng.integers(1, settings.days + 1, len(launching))
    return np.asarray(day, np.int64)


def _personal_taste(settings: ShopSettings, rng: np.random.Generator) -> Floats:
    """Turns from one draw towards another, so that its variance stays: float32[D + 1, U, R], or [1, U, R] where it stands still."""
    first, other = (normal((settings.users, settings.factors), rng) * np.float32(settings.personal_taste) for _ in range(2))
    if not settings.taste_drift:
        return first[None]
    turned = settings.taste_drift * np.arange(settings.days + 1) / settings.days
    return np.stack([np.sqrt(np.float32(max(1 - share, 0))) * first + np.sqrt(np.float32(min(share, 1))) * other for share in turned])


def _mood(settings: ShopSettings, rng: np.random.Generator) -> Floats:
    """An autoregression from day to day: float32[D + 1, U, R], or [1, U, R] zeros where there is none."""
    shape, memory = (settings.users, settings.factors), settings.mood_memory
    if not settings.mood:
        return np.zeros((1, *shape), np.float32)
    days = [normal(shape, rng)]
    for _ in range(settings.days):
        days.append(np.float32(memory) * days[-1] + np.sqrt(np.float32(1 - memory**2)) * normal(shape, rng))
    return np.stack(days) * np.float32(settings.mood)


def _walk(settings: ShopSettings, width: int, strength: float, rng: np.random.Generator) -> Floats:
    """A random walk from day 0, whose standard deviation is ``strength`` after the log: float32[D + 1, width]."""
    steps = normal((settings.days + 1, width), rng)
    steps[0] = 0
    return np.asarray(np.cumsum(steps, axis=0) * np.float32(strength / np.sqrt(settings.days)), np.float32)


def _price_sense(settings: ShopSettings, user_tags: Ints, rng: np.random.Generator) -> Floats:
    differs = (of_tags(user_tags, settings.user_tag_values, 1, rng)[:, 0] + normal((settings.users,), rng)) / np.sqrt(np.float32(2))
    return np.asarray(settings.price_distaste + settings.price_sense * differs, np.float32)


def _quality(settings: ShopSettings, item_tags: Ints, rng: np.random.Generator) -> Floats:
    explained = of_tags(item_tags, settings.item_tag_values, 1, rng)[:, 0]
    return np.asarray(settings.tag_quality * explained + settings.own_quality * normal((settings.items,), rng), np.float32)


def _with_bases(shop: Shop, rng: np.random.Generator) -> Shop:
    """The constants at which random pairs click and order as often as the settings say, by bisection."""
    clicks, orders = _random_logits(shop, rng)
    base = _constant(clicks, np.ones_like(clicks), shop.settings.click_rate)
    order_base = _constant(orders, sigmoid(clicks + np.float32(base)), shop.settings.order_rate)
    return replace(shop, base=base, order_base=order_base)


def _random_logits(shop: Shop, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Logits of clicks and of orders of random users and launched items over the days of the log, with constants 0."""
    a_day = _PAIRS // shop.settings.days // _PAIRS_A_DAY + 1
    clicks, orders = [], []
    for day in range(shop.settings.days):
        users = rng.integers(0, len(shop.user_ids), a_day)
        items = rng.choice(np.flatnonzero(shop.launched(day)), (a_day, _PAIRS_A_DAY))
        match = shop.match(users, items, day)
        clicks.append(shop.click_from_match(match, users, items, day).ravel())
        orders.append(shop.order_from_match(match, items).ravel())
    return np.concatenate(clicks), np.concatenate(orders)


def _constant(logits: Floats, weight: Floats, rate: float) -> float:
    """What to add to all logits so that their weighted mean probability is ``rate``."""
    low, high = -30.0, 30.0
    for _ in range(50):
        middle = (low + high) / 2
        found = np.average(sigmoid(logits + np.float32(middle)).astype(np.float64), weights=weight)
        low, high = (middle, high) if found < rate else (low, middle)
    return (low + high) / 2
