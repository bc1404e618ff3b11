"""What an order of an item is worth: its mean, drawn towards the shop's by how little its own orders tell (Bühlmann, ASTIN Bulletin 1967)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def relative_worth(group: npt.NDArray[np.int64], value: npt.NDArray[np.float32], n_groups: int) -> npt.NDArray[np.float32]:
    """float32[n_groups], in mean orders: of orders with an int64[N] group and a float32[N] value. 1 where nothing is known."""
    values = value.astype(np.float64)
    mean = values.mean() if len(values) else 0.0
    if mean <= 0:
        return np.ones(n_groups, np.float32)
    count = np.bincount(group, minlength=n_groups).astype(np.float64)
    own = np.bincount(group, values, n_groups) / np.maximum(count, 1)
    trust = _trust(count, own, values - own[group], mean)
    relative: npt.NDArray[np.float32] = (1 + trust * (own / mean - 1)).astype(np.float32)
    return relative


def _trust(count: Doubles, own: Doubles, residual: Doubles, mean: float) -> Doubles:
    """float64[n_groups], 0 to 1: n / (n + variance within groups / variance between them); 0 where the orders cannot tell these apart."""
    n, groups = count.sum(), int((count > 0).sum())
    if n <= groups or groups < 2:
        return np.zeros(len(count))
    within = (residual**2).sum() / (n - groups)
    between = ((count * (own - mean) ** 2).sum() - (groups - 1) * within) / (n - (count**2).sum() / n)
    return count / np.maximum(count + within / between, 1) if between > 0 else np.zeros(len(count))
