"""Raw ids that look like a real shop's: decimal hashes of mixed width, many of them too large for an int64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.str_]


def raw_ids(count: int, rng: np.random.Generator) -> Ids:
    """``count`` distinct ids of 15 to 20 digits, such as ``18292817638588633000``, in random order."""
    values = np.empty(0, np.uint64)
    while len(values) < count:
        values = np.unique(np.concatenate([values, _hashes(count, rng)]))
    return rng.permutation(values)[:count].astype(np.str_)


def _hashes(count: int, rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    shift = rng.geometric(0.7, count).astype(np.uint64) - np.uint64(1)
    return np.maximum(rng.integers(2**50, 2**64, count, dtype=np.uint64) >> shift, np.uint64(10**14))
