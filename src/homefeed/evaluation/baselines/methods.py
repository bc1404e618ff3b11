"""Baselines that score items from the click matrix: tuned on the validation slice, then fitted on the train side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.baselines.clicks import MOST_CLICKED, Clicks, Rows, Scores, clicks_of
from homefeed.evaluation.baselines.ease import ease_scores
from homefeed.evaluation.baselines.factors import bpr_scores, ials_scores
from homefeed.evaluation.baselines.job import Job, Outcome
from homefeed.evaluation.baselines.names import BPR, EASE, IALS, ITEM_KNN
from homefeed.evaluation.baselines.neighbours import item_knn_scores
from homefeed.evaluation.baselines.scored_lists import filled_up, scored_lists
from homefeed.evaluation.baselines.tuning import TUNED_K, Setting, best_setting, list_value, validation_of
from homefeed.evaluation.protocol import Protocol
from homefeed.metrics.ranking import RankedRows


@dataclass(frozen=True, slots=True)
class Method:
    """``fit``: from clicks, a setting and a seed. ``item_limit``: where memory grows with the square of the items, so many of them at most."""

    settings: tuple[Setting, ...]
    fit: Callable[[Clicks, Setting, int], Scores]
    item_limit: int | None = None


METHODS = {
    ITEM_KNN: Method(tuple({"K": k} for k in (100, 50, 200, 20, 500)), lambda clicks, s, seed: item_knn_scores(clicks, int(s["K"]))),
    IALS: Method(
        tuple({"factors": f, "alpha": a, "ridge": r} for f, a, r in product((64, 128), (1.0, 4.0, 16.0), (10.0, 1.0, 50.0))),
        lambda clicks, s, seed: ials_scores(clicks, int(s["factors"]), s["alpha"], s["ridge"], seed),
    ),
    BPR: Method(
        tuple({"factors": 64, "learning rate": e, "ridge": r, "iterations": n} for n, e, r in product((100, 300), (0.05, 0.01), (0.01, 0.001))),
        lambda clicks, s, seed: bpr_scores(clicks, int(s["factors"]), s["learning rate"], s["ridge"], int(s["iterations"]), seed),
    ),
    EASE: Method(tuple({"ridge": r} for r in (300.0, 100.0, 1000.0, 3000.0)), lambda clicks, s, seed: ease_scores(clicks, s["ridge"]), MOST_CLICKED),
}


def run_method(name: str, job: Job) -> Outcome:
    method = METHODS[name]
    inner, protocol = validation_of(job.dataset, job.seed)

    def value(setting: Setting) -> float:
        return list_value(protocol, _lists(method, setting, inner, protocol, TUNED_K, job.seed)[0])

    setting, tuning = best_setting(method.settings, value, job.budget_seconds)
    lists, left_out = _lists(method, setting, job.dataset, job.protocol, job.k, job.seed)
    remark = f"of the {MOST_CLICKED:,} most clicked items alone, {left_out:,} left out for memory" if left_out else ""
    return Outcome(tuning, remark, lists=filled_up(lists, job.hottest))


def _lists(method: Method, setting: Setting, dataset: ProcessedDataset, protocol: Protocol, k: int, seed: int) -> tuple[RankedRows, int]:
    """int32[U, k], 0 where the method has no more to say, and how many items were left out."""
    clicks = clicks_of(dataset.train, len(dataset.users), len(dataset.items), method.item_limit)
    scores, known = method.fit(clicks, setting, seed), clicks.has_any()

    def of_the_known(users: Rows) -> npt.NDArray[np.float32]:
        block = scores(users)
        block[~known[users]] = -np.inf
        return block

    return scored_lists(protocol, of_the_known, clicks.columns, k), clicks.left_out
