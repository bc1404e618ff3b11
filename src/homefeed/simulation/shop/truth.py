"""What is true on the day after the log: for judging alone, nothing may learn from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homefeed.artifacts.disk import whole_file
from homefeed.simulation.raw_ids import Ids
from homefeed.simulation.shop.dice import Doubles, Stream, generator
from homefeed.simulation.shop.shop import Shop, sigmoid
from homefeed.simulation.world import Floats, Ints

JUDGED_ACTIVE, JUDGED_SILENT, _POPULATION, _BLOCK = 500, 200, 2_000, 250
_NODES = 9
"""Of the Gauss-Hermite rule over moods: exact to five digits for moods up to 2 logits."""


@dataclass(frozen=True, slots=True)
class Truth:
    """M judged users, N items. ``p_click`` float32[M, N]: of an item that is looked at, 0 before launch; ``p_order`` float32[M, N]: of an order once clicked.

    Where sessions have a mood, both are expectations over the moods that may follow on the user's last one: what nobody can know beforehand.
    ``best_static``: the best single list for everybody, best first. ``looks`` float64[K]: how often each place of a list is looked at.
    """

    uid: Ids
    group: Ids
    iid: Ids
    p_click: Floats
    p_order: Floats
    best_static: Ids
    price: Floats
    looks: Doubles


def truth_of(shop: Shop, active: int = JUDGED_ACTIVE, silent: int = JUDGED_SILENT) -> Truth:
    """The truth for so many users of each group, or all of them where there are fewer."""
    rng = generator(shop.seed, Stream.JUDGED)
    comes = shop.arrival_day < shop.settings.days
    users = [rng.permutation(np.flatnonzero(who))[:count] for who, count in ((comes, active), (~comes, silent))]
    p_click, p_order = expected_rates(shop, np.concatenate(users))
    everybody = rng.permutation(len(shop.user_ids))[:_POPULATION]
    liked = sum(expected_rates(shop, everybody[s : s + _BLOCK])[0].sum(0, dtype=np.float64) for s in range(0, len(everybody), _BLOCK))
    best = np.argsort(-liked, kind="stable")[: shop.settings.list_size]
    group = np.repeat(np.array(["active", "silent"]), [len(part) for part in users])
    uid = shop.user_ids[np.concatenate(users)]
    return Truth(uid, group, shop.item_ids, p_click, p_order, shop.item_ids[best], shop.price, shop.looks())


def write_truth(path: Path, truth: Truth) -> None:
    """A compressed ``.npz`` with one array a field."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as fresh, fresh.open("wb") as file:
        np.savez_compressed(file, **{name: getattr(truth, name) for name in Truth.__slots__})


def expected_rates(shop: Shop, users: Ints) -> tuple[Floats, Floats]:
    """``p_click`` and ``p_order`` float32[len(users), N] on the day after the log, over the moods to come."""
    day, settings = shop.settings.days, shop.settings
    last = settings.mood_memory * shop.mood[min(day - 1, len(shop.mood) - 1)][users]
    match = (shop.taste(users, day, mood=False) + last) @ shop.item_taste.T
    spread = settings.mood * np.sqrt(1 - settings.mood_memory**2) * np.linalg.norm(shop.item_taste, axis=1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES if settings.mood else 1)
    items, click, ordered = shop.all_items()[None], np.zeros_like(match), np.zeros_like(match)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        moody = np.asarray(match + node * spread, np.float32)
        p = np.float32(weight) * sigmoid(shop.click_from_match(moody, users, items, day))
        click += p
        ordered += p * sigmoid(shop.order_from_match(moody, items))
    return click, np.divide(ordered, click, out=np.zeros_like(click), where=click > 0)
