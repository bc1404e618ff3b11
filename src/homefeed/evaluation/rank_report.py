"""Click probabilities against what happened to the test side's impressions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.comparison import best_baseline, compared
from homefeed.evaluation.protocol import Mask
from homefeed.evaluation.rank_statistics import BY_USER, CALIBRATION_ERROR, RANK_METRICS, Prediction, calibration_statistic, rank_parts
from homefeed.evaluation.report import Calibration, Curve, Difference, Figure, Segment, StageReport
from homefeed.evaluation.segments import by_segment, user_segments
from homefeed.evaluation.single_number import single_number_predictions
from homefeed.metrics.calibration import calibration_curve
from homefeed.metrics.intervals import bootstrap
from homefeed.metrics.perfect_calibration import perfect_calibration

Probabilities = npt.NDArray[np.float32]
LEAD = "gauc"


def rank_report(dataset: ProcessedDataset, ours: str, p_click: Probabilities, predictions: Mapping[str, Prediction], rng: np.random.Generator) -> StageReport:
    """``p_click``: float32[N_test], the ranker's probability for each test row with hotness at the row's own moment; ``predictions``: of the baselines."""
    contenders = {ours: Prediction(p_click, p_click), **predictions}
    masks = {name: mask[dataset.test.user] for name, mask in user_segments(dataset).items()}
    segments = by_segment(masks, lambda name, mask: _segment(name, dataset, mask, contenders, rng))
    curves = _curves(dataset.test.label, contenders)
    return StageReport("rank", ours, (), LEAD, RANK_METRICS, (), segments, (), curves, _calibration(dataset, p_click, rng))


def baseline_predictions(dataset: ProcessedDataset, simple: frozenset[str], p_click: Mapping[str, Probabilities]) -> dict[str, Prediction]:
    """Those of the baselines asked for: ``simple`` names some that need no model."""
    single = single_number_predictions(dataset) if simple else {}
    return {name: p for name, p in single.items() if name in simple} | {name: Prediction(p, p) for name, p in p_click.items()}


def _segment(name: str, dataset: ProcessedDataset, mask: Mask, contenders: Mapping[str, Prediction], rng: np.random.Generator) -> Segment:
    users, user = np.unique(dataset.test.user[mask], return_inverse=True)
    label = dataset.test.label[mask]
    names, predictions = tuple(contenders), [p.take(mask) for p in contenders.values()]
    figures, ahead = compared(names, BY_USER, *rank_parts(user, label, predictions), rng)
    errors = bootstrap(calibration_statistic(user, label, predictions), len(users), rng)
    for contender, error in zip(names, errors, strict=False):
        figures[contender][CALIBRATION_ERROR] = Figure.of(error)
    for contender, error in zip(names[1:], errors[len(names) :], strict=True):
        ahead[contender][CALIBRATION_ERROR] = Difference.of(CALIBRATION_ERROR, error, float("nan"))
    return Segment(name, len(users), int((label > 0).sum()), figures, ahead, best_baseline(figures, names[:1], LEAD))


def _curves(label: npt.NDArray[np.float32], contenders: Mapping[str, Prediction]) -> tuple[Curve, ...]:
    """Observed over predicted click rate; a prediction that is the same everywhere has no curve, but ours has a point."""
    curves = []
    for place, (name, prediction) in enumerate(contenders.items()):
        if prediction.p is not None and len(label):
            bins = calibration_curve(label, prediction.p)
            if len(bins.rows) > 1 or not place:
                curves.append(Curve(name, tuple(bins.predicted.tolist()), tuple(bins.clicked.tolist())))
    return tuple(curves)


def _calibration(dataset: ProcessedDataset, p_click: Probabilities, rng: np.random.Generator) -> Calibration | None:
    """None where no click rate can be read from the rows: label 0 was drawn, or there is one label only."""
    label = dataset.test.label
    if dataset.test.drawn.any() or not (label > 0).any() or (label > 0).all():
        return None
    error, perfect = calibration_curve(label, p_click).expected_error, perfect_calibration(p_click, rng)
    return Calibration(error, perfect.error_95, perfect.limit, error <= perfect.limit, tuple(perfect.low.tolist()), tuple(perfect.high.tolist()))
