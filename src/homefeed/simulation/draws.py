"""Draws that every made-up shop needs: normal numbers, skewed tags, and what tags say."""

from __future__ import annotations

import numpy as np

from homefeed.simulation.world import Floats, Ints


def normal(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)


def skewed(values: int, count: int, rng: np.random.Generator) -> Ints:
    """Some values are common, most are rare; each occurs where there is room for it."""
    weight = 1 / np.arange(2, values + 2) ** 0.8
    drawn = rng.choice(values, count, p=weight / weight.sum())
    drawn[: min(values, count)] = np.arange(min(values, count))
    return rng.permutation(drawn).astype(np.int64)


def of_tags(tags: Ints, values: tuple[int, ...], width: int, rng: np.random.Generator) -> Floats:
    """Sum of one random vector per tag value, standardised over the entities: float32[entities, width]."""
    total = sum((normal((n, width), rng)[tags[:, column]] for column, n in enumerate(values)), start=np.zeros((len(tags), width), np.float32))
    return np.asarray((total - total.mean(0)) / np.maximum(total.std(0), 1e-6), np.float32)


def item_taste(tags: Ints, values: tuple[int, ...], factors: int, item_part: float, rng: np.random.Generator) -> Floats:
    """float32[items, factors], scaled so that a user's taste vector of standard deviation s gives logits of standard deviation s."""
    explained = of_tags(tags, values, factors, rng)
    own = normal((len(tags), factors), rng)
    mixed = np.sqrt(1 - item_part) * explained + np.sqrt(item_part) * own
    return np.asarray(mixed / np.sqrt(factors), np.float32)
