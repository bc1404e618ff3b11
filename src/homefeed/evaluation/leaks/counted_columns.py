"""A column of users or items that counts the log itself: clicks, impressions or their ratio, the labels to be foretold among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.leaks.columns import EntityColumn, entity_columns, entity_rows
from homefeed.evaluation.leaks.findings import Leak, Look

NAME = "counts in columns"
TOO_ALIKE = 0.99
ENTITIES, DISTINCT = 20, 10
"""So many users or items with a value, and so many distinct values and counts, below which nothing is said."""
Array = npt.NDArray[np.float64]


def look_at_counts(dataset: ProcessedDataset, slot_names: Sequence[str]) -> Look:
    """Rank correlation of each column of numbers, categories that are numbers too, with each count over each side."""
    names: list[str] = []
    leaks: list[Leak] = []
    counts = {owner: _counts(dataset, owner) for owner in ("user", "item")}
    for column in entity_columns(dataset, slot_names):
        names.append(column.name)
        leaks += _alike(dataset, column, counts[column.owner])
    return Look(NAME, f"{', '.join(names) or 'no column'}, against clicks, rows and click rates of train, test and both", tuple(leaks))


def _counts(dataset: ProcessedDataset, owner: str) -> Mapping[str, Array]:
    """By name float64[entities]; NaN for those without a row."""
    train, test = dataset.train.of_the_log(), dataset.test.of_the_log()
    sides = {"the train side": train, "the test side": test, "the whole log": Interactions.concatenate([train, test])}
    found = {}
    for side, rows in sides.items():
        entity, size = entity_rows(owner, rows), len(dataset.users if owner == "user" else dataset.items)
        n, clicks = np.bincount(entity, minlength=size).astype(np.float64), np.bincount(entity, rows.label > 0, size)
        shown = n > 0
        found[f"clicks of {side}"] = np.where(shown, clicks, np.nan)
        found[f"rows of {side}"] = np.where(shown, n, np.nan)
        found[f"click rate of {side}"] = np.divide(clicks, n, out=np.full(size, np.nan), where=shown)
    return found


def _alike(dataset: ProcessedDataset, column: EntityColumn, counts: Mapping[str, Array]) -> Iterator[Leak]:
    """The count that the column follows best, where it follows one too closely."""
    values = _as_numbers(column)
    if values is None:
        return
    likeness = {name: _rank_correlation(values[1:], count[1:]) for name, count in counts.items()}
    name = max(likeness, key=lambda n: likeness[n])
    if likeness[name] > TOO_ALIKE:
        both = ~np.isnan(values) & ~np.isnan(counts[name])
        both[0] = False
        row = int(np.flatnonzero(both)[0])
        ids = dataset.users.ids if column.owner == "user" else dataset.items.ids
        example = f"{column.owner} {ids[row]}: {column.name} {values[row]:g}, {name} {counts[name][row]:g}"
        what = f"{column.owner}s have a column that follows the {name} (rank correlation {likeness[name]:.4f}): it counts the labels to be foretold"
        yield Leak(what, column.where, int(both.sum()), example, f"Count {column.name} over the time before the log, or leave it out of the schema")


def _as_numbers(column: EntityColumn) -> Array | None:
    """float64[entities], NaN where missing; None where a text is no number."""
    if not column.texts:
        return column.values.astype(np.float64)
    try:
        by_code = {code: float(text) if text else float("nan") for code, text in column.texts.items()}
    except ValueError:
        return None
    return np.array([by_code[int(code)] for code in column.values])


def _rank_correlation(values: Array, counts: Array) -> float:
    """Spearman's, without its sign, over entities that have both; 0 where there is too little to say."""
    both = ~np.isnan(values) & ~np.isnan(counts)
    x, y = values[both], counts[both]
    if len(x) < ENTITIES or min(len(np.unique(x)), len(np.unique(y))) < DISTINCT:
        return 0.0
    return abs(float(np.corrcoef(rankdata(x), rankdata(y))[0, 1]))
