"""Figures of a reported ranker's orders on the test side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.order_figures import order_figures
from homefeed.training.orders.delay import known_orders
from homefeed.training.rank_deepfm import predict_orders


def measure_orders(dataset: ProcessedDataset, rank: Checkpoint, p_click: npt.NDArray[np.float32]) -> dict[str, float]:
    """``p_click``: float32[N_test]. Nothing where the ranker or the test side knows no orders."""
    p_order = predict_orders(rank.model, dataset, dataset.test)
    if p_order is None:
        return {}
    return order_figures(dataset.test, p_click, p_order, known_orders(dataset, dataset.test, rank.model.config))
