"""The models whose figures are reported: what they say that they have seen, whether they are what they say, and whether the figures are theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from homefeed.artifacts.checkpoint import TRAIN_COMMAND, Checkpoint
from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.leaks.findings import Leak, Look
from homefeed.evaluation.leaks.naming import moment

CLOSE = 2e-3
"""Figures of one model on one test side differ by less than this, whatever the machine."""
Measure = Callable[[], Mapping[str, float]]
"""The reported model's figures on the test side, measured now."""


def look_at_checkpoint(dataset: ProcessedDataset, name: str, reported: Checkpoint, served: Checkpoint | None, measure: Measure) -> Look:
    """``name``: of the reported model's file; ``served``: the model that the release is made of, None where there is none."""
    step = f"Train again: {TRAIN_COMMAND[name.removesuffix('.report')]}"
    leaks = [*_seen(dataset, name, reported, step), *_copied(name, reported, served, step)]
    if not leaks:  # no figure of a model that has seen what it is measured on
        leaks += _figures(name, reported, measure(), step)
    return Look(f"rows that {name} has seen", f"rows {reported.rows_seen}, until {moment(reported.fitted_until_us)}; its figures measured again", tuple(leaks))


def _seen(dataset: ProcessedDataset, name: str, reported: Checkpoint, step: str) -> Iterator[Leak]:
    meta, where = dataset.meta, f"{name}.pth"
    late = int((dataset.test.of_the_log().ts_us <= reported.fitted_until_us).sum())
    if reported.rows_seen == "all":
        yield Leak("test rows were learned by the model whose figures are reported", where, late, "rows_seen: all", step)
    elif reported.split_id != meta.split.id:
        example = f"it was fitted for split {reported.split_id}, the data is split {meta.split.id}"
        yield Leak("test rows may have been on the train side when the model was fitted", where, late, example, step)
    elif reported.fitted_until_us > meta.train_end_us:
        example = f"it has seen rows until {moment(reported.fitted_until_us)}, the train side ends {moment(meta.train_end_us)}"
        yield Leak("test rows lie before the moment until which the model has seen rows", where, late, example, step)


def _copied(name: str, reported: Checkpoint, served: Checkpoint | None, step: str) -> Iterator[Leak]:
    if served is None or served.rows_seen != "all":
        return
    ours, theirs = reported.model.flat(), served.model.flat()
    if ours.keys() == theirs.keys() and all(np.array_equal(ours[part], theirs[part]) for part in ours):
        example = f"{name.removesuffix('.report')}.pth says that it has seen all rows and has the same weights"
        yield Leak("arrays of the reported model are those of the served one, which has seen the test side", f"{name}.pth", len(ours), example, step)


def _figures(name: str, reported: Checkpoint, measured: Mapping[str, float], step: str) -> Iterator[Leak]:
    differ = [f for f, value in measured.items() if f in reported.metrics and not np.isclose(reported.metrics[f], value, rtol=0, atol=CLOSE, equal_nan=True)]
    if differ:
        example = f"{differ[0]}: kept {reported.metrics[differ[0]]:.4f}, measured now {measured[differ[0]]:.4f}"
        yield Leak("figures that the checkpoint keeps are not those of its own model on this test side", f"{name}.pth", len(differ), example, step)
