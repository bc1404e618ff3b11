"""What a baseline is given to work with, and what it gives back."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.protocol import Protocol
from homefeed.metrics.ranking import RankedRows


@dataclass(frozen=True, slots=True)
class Job:
    """``hottest``: int32[U, k], what a user is listed whom the baseline cannot score; ``budget_seconds``: wall time for tuning and fit together."""

    dataset: ProcessedDataset
    protocol: Protocol
    k: int
    seed: int
    budget_seconds: float
    hottest: RankedRows


@dataclass(frozen=True, slots=True)
class Outcome:
    """``lists``: int32[U, k], or ``p_click``: float32[N_test]; ``tuning`` and ``remark`` as in ``BaselineNote``."""

    tuning: str
    remark: str = ""
    lists: RankedRows | None = None
    p_click: npt.NDArray[np.float32] | None = None


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._started
