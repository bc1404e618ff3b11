"""Randomness that belongs to an event, not to the order of the draws: two policies that show the same item in the same visit get the same answer.

Common random numbers by hashing: splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) over the event's keys.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Stream(IntEnum):
    """One source of randomness each; the numbers are part of what a seed means."""

    SHOP = 0
    VISITS = 1
    LOOK = 2
    CLICK = 3
    ORDER = 4
    DELAY = 5
    EXPLORE = 6
    ROTATE = 7
    CHOOSE = 8
    RANDOM_POLICY = 9
    GUESS = 10
    JUDGED = 11
    SHELVES = 12


def generator(seed: int, stream: Stream, *keys: int) -> np.random.Generator:
    """A generator of its own for one purpose."""
    return np.random.default_rng([seed, int(stream), *keys])


def uniforms(seed: int, stream: Stream, *keys: npt.NDArray[Any]) -> Doubles:
    """float64 in [0, 1): one for each combination of the integer ``keys``, which are broadcast against each other."""
    word = np.asarray([seed], np.uint64) * _GOLDEN + np.uint64(int(stream))
    for key in keys:
        word = _mixed(word + np.asarray(key).astype(np.uint64) * _MIX_2)
    return (_mixed(word) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(word: Words) -> Words:
    word = word + _GOLDEN
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return np.asarray(word ^ (word >> np.uint64(31)))
