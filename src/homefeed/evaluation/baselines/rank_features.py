"""What rank-stage baselines know of a row: tags, numbers, hotness, and what happened strictly before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset

Floats = npt.NDArray[np.float64]


def tag_codes(dataset: ProcessedDataset, rows: Interactions) -> npt.NDArray[np.int64]:
    """int64[N, C]: category columns of users, then of items, each value a number from 0 within its column; a multi column gives its first value."""
    sides = ((dataset.users, rows.user), (dataset.items, rows.item))
    columns = [(column, row) for table, row in sides for column in (*table.slots[:, 1:].T, *(bag[:, 0] for bag in table.bags.values()))]
    codes = [np.unique(column, return_inverse=True)[1][row] for column, row in columns]
    return np.column_stack(codes) if codes else np.zeros((len(rows), 0), np.int64)


def numbers(dataset: ProcessedDataset, rows: Interactions) -> npt.NDArray[np.float32]:
    """float32[N, D]: number columns of users, then of items, NaN where missing."""
    return np.hstack([dataset.users.numbers[rows.user], dataset.items.numbers[rows.item]])


def history_features(dataset: ProcessedDataset, train: Interactions, rows: Interactions) -> Floats:
    """float64[N, H] of ``rows``, which may be ``train`` itself: counts of strictly earlier rows, and smoothed click rates from ``train`` clicks alone.

    Counted for the user, the item, and the user with each of the item's category columns.
    """
    both = Interactions.concatenate([train, rows])
    known = np.arange(len(both)) < len(train)
    mean = float(train.label.mean())
    columns = [hotness_feature(rows)]
    for key in _keys(dataset, both):
        shown = earlier_sums(key, both.ts_us, known.astype(np.float64))
        clicked = earlier_sums(key, both.ts_us, np.where(known, both.label, 0.0))
        columns += [np.log1p(shown[~known]), ((clicked + 10 * mean) / (shown + 10))[~known]]
    return np.column_stack(columns)


def hotness_feature(rows: Interactions) -> Floats:
    return np.log1p(np.maximum(rows.hotness.astype(np.float64), 0.0))


def earlier_sums(key: npt.NDArray[np.int64], ts_us: npt.NDArray[np.int64], value: Floats) -> Floats:
    """float64[N]: for each row the sum of ``value`` over the rows of the same key with a smaller ``ts_us``."""
    order = np.lexsort((ts_us, key))
    key, ts_us, value = key[order], ts_us[order], value[order]
    before = np.cumsum(value) - value
    new_key = np.append(True, key[1:] != key[:-1])
    new_moment = new_key | np.append(True, ts_us[1:] != ts_us[:-1])
    of_moment = before[np.flatnonzero(new_moment)[np.cumsum(new_moment) - 1]]
    of_key = before[np.flatnonzero(new_key)[np.cumsum(new_key) - 1]]
    sums = np.empty(len(value))
    sums[order] = of_moment - of_key
    return sums


def _keys(dataset: ProcessedDataset, rows: Interactions) -> list[npt.NDArray[np.int64]]:
    user = rows.user.astype(np.int64)
    tags = dataset.items.slots[rows.item, 1:].astype(np.int64)
    return [user, rows.item.astype(np.int64), *(user * (dataset.map_size + 1) + tag for tag in tags.T)]
