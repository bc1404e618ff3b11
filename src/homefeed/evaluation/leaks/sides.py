"""Train and test really lie apart: no row on both sides, and no train row after the test rows it is to foretell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.leaks.findings import Leak, Look
from homefeed.evaluation.leaks.naming import named_row

SPLIT_AGAIN = "Split again: homefeed etl; then train again"
NAME = "sides"
Mask = npt.NDArray[np.bool_]


def look_at_sides(dataset: ProcessedDataset) -> Look:
    """The same (user, item, ts) on both sides, and rows on the wrong side of the split's moment (per user: of the user's own)."""
    train, test = dataset.train.of_the_log(), dataset.test.of_the_log()
    twice = _in_both(train, test)
    late = _not_before(train, test, dataset)
    leaks = []
    if twice.any():
        what = "rows of the same user, item and ts are on the train side and on the test side"
        leaks.append(Leak(what, "train.parquet and test.parquet", int(twice.sum()), named_row(dataset, test, twice), SPLIT_AGAIN))
    if late.any():
        until = "the first test row" if dataset.meta.split.kind == "global" else "their user's first test row"
        what = f"train rows are not earlier than {until}: they are the future of what is measured"
        leaks.append(Leak(what, "train.parquet", int(late.sum()), named_row(dataset, train, late), SPLIT_AGAIN))
    return Look(NAME, f"{len(test):,} test rows against {len(train):,} train rows, by user, item and ts", tuple(leaks))


def _in_both(train: Interactions, test: Interactions) -> Mask:
    """bool[N_test]."""
    known = set(zip(*_key(train), strict=True))
    return np.fromiter((row in known for row in zip(*_key(test), strict=True)), np.bool_, len(test))


def _key(rows: Interactions) -> tuple[list[int], list[int], list[int]]:
    return rows.user.tolist(), rows.item.tolist(), rows.ts_us.tolist()


def _not_before(train: Interactions, test: Interactions, dataset: ProcessedDataset) -> Mask:
    """bool[N_train]."""
    never = np.iinfo(np.int64).max
    first = np.full(len(dataset.users), never)
    np.minimum.at(first, test.user, test.ts_us)
    if dataset.meta.split.kind == "global":
        first[:] = first.min(initial=never)
    late: Mask = train.ts_us >= first[train.user]
    return late
