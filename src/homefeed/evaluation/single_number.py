"""Click probabilities without any model: everything alike, the train clicks of the item, its hotness at that moment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.baselines.names import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.rank_statistics import Prediction

Array = npt.NDArray[np.float64]


def single_number_predictions(dataset: ProcessedDataset) -> dict[str, Prediction]:
    """Of the test rows. Each score alone; its probability is a logistic regression on that one number, fitted on the train side."""
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
