"""A label that hides in a column: what the column alone foretells on the train side, beside what is plausible.

Each column's values are replaced by their click rate in one half of the rows and judged on the other half, so that a column of many values
gains nothing from its own labels. A column of users (or items) is set beside their id: a shop in which some users click everything has no leak.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.evaluation.leaks.columns import EntityColumn, Values, entity_columns, entity_rows
from homefeed.evaluation.leaks.findings import Leak, Look
from homefeed.metrics.classification import auc

NAME = "labels in columns"
TOO_GOOD = 0.99
ENOUGH = 50
"""Rows of either label, below which nothing is said."""
VALUE_ROWS, VALUE_HOLDERS, PLAIN_RATE = 100, 10, 0.8
"""A single value is suspicious from so many rows on (in a column of users or items: held by so many of them), unless nearly all rows are clicked."""
BINS = 200
Codes = npt.NDArray[np.int64]


def look_at_columns(dataset: ProcessedDataset, slot_names: Sequence[str], log_columns: Mapping[str, Values], rng: np.random.Generator) -> Look:
    """``log_columns``: columns of the train side's rows beside user and item, such as ``position``: floats with NaN, or codes."""
    logged = ~dataset.train.drawn
    train = dataset.train.take(logged)
    clicked = train.label > 0
    if min(clicked.sum(), (~clicked).sum()) < ENOUGH:
        return Look(NAME, "", left_out=f"the train side has fewer than {ENOUGH} shown rows of either label")
    half = rng.random(len(train)) < 0.5
    leaks: list[Leak] = []
    names = []
    ids = {owner: _auc(entity_rows(owner, train).astype(np.int64), clicked, half) for owner in ("user", "item")}
    for column in entity_columns(dataset, slot_names):
        names.append(column.name)
        leaks += _of_entities(column, train, clicked, half, ids[column.owner])
    for name, values in log_columns.items():
        names.append(name)
        leaks += _of_log(name, values[logged], clicked, half)
    return Look(NAME, f"{', '.join(names) or 'no column'}: each alone on {len(train):,} train rows", tuple(leaks))


def _of_entities(column: EntityColumn, train: Interactions, clicked: npt.NDArray[np.bool_], half: npt.NDArray[np.bool_], of_id: float) -> Iterator[Leak]:
    rows = entity_rows(column.owner, train)
    codes = _codes(column.values)
    found = _auc(codes[rows], clicked, half)
    if found > TOO_GOOD >= of_id:
        best = _telling_row(codes[rows], clicked)
        example = f"value {column.text(column.values[rows[best]])}; the {column.owner}'s id alone has AUC {of_id:.4f}"
        yield Leak(f"a column alone parts clicked from other rows with AUC {found:.4f}", column.where, len(train), example, _next_step(column.name))
    elif of_id <= TOO_GOOD:
        holders = np.bincount(codes, np.isin(np.arange(len(codes)), rows))
        for code, count, rate in _sure_values(codes[rows], clicked):
            if holders[code] >= VALUE_HOLDERS:
                example = (
                    f"value {column.text(column.values[np.flatnonzero(codes == code)[0]])}: {rate:.1%} of {count:,} rows clicked, of all {clicked.mean():.1%}"
                )
                yield Leak("rows hold a value that is practically the label", column.where, count, example, _next_step(column.name))


def _of_log(name: str, values: Values, clicked: npt.NDArray[np.bool_], half: npt.NDArray[np.bool_]) -> Iterator[Leak]:
    where, codes = f"log column {name}", _codes(values)
    found = _auc(codes, clicked, half)
    if found > TOO_GOOD:
        example = f"value {values[_telling_row(codes, clicked)]}"
        yield Leak(f"a column alone parts clicked from other rows with AUC {found:.4f}", where, len(values), example, _next_step(name))
        return
    for code, count, rate in _sure_values(codes, clicked):
        example = f"value {values[np.flatnonzero(codes == code)[0]]}: {rate:.1%} of {count:,} rows clicked, of all {clicked.mean():.1%}"
        yield Leak("rows hold a value that is practically the label", where, count, example, _next_step(name))


def _codes(values: Values) -> Codes:
    """int64[N] from 0: each distinct value; a number of many values by its place among quantiles; missing is a value."""
    if values.dtype.kind == "i":
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    missing = np.isnan(values)
    distinct = np.unique(values[~missing])
    edges = distinct if len(distinct) <= BINS else np.quantile(values[~missing], np.linspace(0, 1, BINS + 1)[1:-1])
    return np.where(missing, 0, 1 + np.searchsorted(edges, values, "right")).astype(np.int64)


def _auc(codes: Codes, clicked: npt.NDArray[np.bool_], half: npt.NDArray[np.bool_]) -> float:
    """Of each value's click rate in one half, on the other; the mean of both ways round. A value that the half does not know has the mean rate."""
    n, rate = int(codes.max(initial=0)) + 1, clicked.mean()
    aucs = []
    for learn in (half, ~half):
        rows, clicks = np.bincount(codes[learn], minlength=n), np.bincount(codes[learn], clicked[learn], n)
        aucs.append(auc(clicked[~learn], ((clicks + rate) / (rows + 1))[codes[~learn]]))
    return float(np.nanmean(aucs))


def _sure_values(codes: Codes, clicked: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, float]]:
    """(code, rows, click rate) of values that are clicked practically always where others are not."""
    if clicked.mean() > PLAIN_RATE:
        return
    rows, clicks = np.bincount(codes), np.bincount(codes, clicked)
    for code in np.flatnonzero((rows >= VALUE_ROWS) & (clicks >= TOO_GOOD * rows)).tolist():
        yield code, int(rows[code]), float(clicks[code] / rows[code])


def _telling_row(codes: Codes, clicked: npt.NDArray[np.bool_]) -> int:
    """A row of the value with the most clicks."""
    return int(np.flatnonzero(codes == np.bincount(codes, clicked).argmax())[0])


def _next_step(name: str) -> str:
    return f"Find out when {name} is written; leave it out of the schema unless it is known before the row is shown"
