"""Click probabilities against what happened to the test side's impressions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.baselines import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.protocol import warm_users
from homefeed.evaluation.rank_statistics import RANK_METRICS, Prediction, rank_statistic
from homefeed.evaluation.report import Curve, Figure, Figures, Segment, StageReport
from homefeed.evaluation.segments import by_segment
from homefeed.metrics.calibration import calibration_curve
from homefeed.metrics.intervals import Interval, bootstrap

Array = npt.NDArray[np.float64]
RESAMPLES = 200
"""Fewer than for lists: each goes through all rows."""


def rank_report(dataset: ProcessedDataset, ours: str, p_click: npt.NDArray[np.float32], rng: np.random.Generator) -> StageReport:
    """``p_click``: float32[N_test], the ranker's probability for each test row with hotness at the row's own moment."""
    predictions = {ours: Prediction(p_click, p_click), **_baselines(dataset)}
    warm = warm_users(dataset)[dataset.test.user]
    segments = by_segment(warm, lambda name, mask: _segment(name, dataset, mask, predictions, rng))
    return StageReport("rank", ours, "gauc", RANK_METRICS, segments, _curves(dataset.test.label, predictions))


def _baselines(dataset: ProcessedDataset) -> dict[str, Prediction]:
    """Each score alone; its probability is a logistic regression on that one number, fitted on the train side."""
    train, test = dataset.train, dataset.test
    clicks = np.log1p(dataset.facts.clicks_split)
    rate = np.full(len(test), train.label.mean() if len(train) else np.nan)
    return {
        RANDOM: Prediction(np.zeros(len(test)), rate),
        POPULARITY: Prediction(clicks[test.item], _probability(clicks[train.item], train.label, clicks[test.item])),
        HOTNESS: Prediction(test.hotness, _probability(train.hotness, train.label, test.hotness)),
    }


def _probability(seen: npt.NDArray[np.floating], label: npt.NDArray[np.float32], asked: npt.NDArray[np.floating]) -> Array | None:
    """None where the train side has one label only: nothing can be fitted."""
    clicked = label > 0
    if clicked.all() or not clicked.any():
        return None
    mean, std = seen.mean(), max(float(seen.std()), 1e-12)
    model = LogisticRegression(C=1e6).fit(((seen - mean) / std)[:, None], clicked)
    probability: Array = model.predict_proba(((asked - mean) / std)[:, None])[:, 1]
    return probability


def _segment(name: str, dataset: ProcessedDataset, mask: npt.NDArray[np.bool_], predictions: Mapping[str, Prediction], rng: np.random.Generator) -> Segment:
    users, user = np.unique(dataset.test.user[mask], return_inverse=True)
    label = dataset.test.label[mask]
    statistic = rank_statistic(user, label, [p.take(mask) for p in predictions.values()])
    intervals = bootstrap(statistic, len(users), rng, RESAMPLES)
    size = len(RANK_METRICS)
    rows = [_figures(intervals[i : i + size]) for i in range(0, len(intervals), size)]
    contenders = list(predictions)
    figures, ahead = dict(zip(contenders, rows, strict=False)), dict(zip(contenders[1:], rows[len(contenders) :], strict=True))
    return Segment(name, len(users), int((label > 0).sum()), figures, ahead)


def _figures(intervals: list[Interval]) -> Figures:
    return {metric: Figure.of(interval) for metric, interval in zip(RANK_METRICS, intervals, strict=True)}


def _curves(label: npt.NDArray[np.float32], predictions: Mapping[str, Prediction]) -> tuple[Curve, ...]:
    """Observed over predicted click rate; a prediction that is the same everywhere has no curve."""
    curves = []
    for name, prediction in predictions.items():
        if prediction.p is not None and len(label):
            bins = calibration_curve(label, prediction.p)
            if len(bins.rows) > 1:
                curves.append(Curve(name, tuple(bins.predicted.tolist()), tuple(bins.clicked.tolist())))
    return tuple(curves)
