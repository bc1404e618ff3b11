"""``python -m benchmarks.scoring FOLDER REQUESTS``: microseconds that the ranker of the release takes for 100 candidates, in process."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.figures import ScoringFigures, percentile
from benchmarks.process import Workplace
from homefeed.artifacts.bundle_files import RECORD
from homefeed.artifacts.bundle_reader import read_bundle
from homefeed.serving.rank_service import RankService

CANDIDATES = 100
_WARM_UP = 200


def score(place: Workplace, requests: int) -> ScoringFigures:
    """Users by activity, items at random; the one release under ``data/releases``."""
    (record,) = (place.data / "releases").glob(f"[!.]*/{RECORD}")
    bundle = read_bundle(record.parent)
    ranker, rng = RankService(bundle), np.random.default_rng(0)
    users = [ranker.user_row(uid) for uid in place.visitors.read_text().split()[: _WARM_UP + requests]]
    items = rng.integers(1, len(bundle.items), (len(users), CANDIDATES), dtype=np.int32)
    ascending = sorted([_timed(ranker, user, rows) for user, rows in zip(users, items, strict=True)][_WARM_UP:])
    return ScoringFigures(CANDIDATES, percentile(ascending, 0.5) / 1000, percentile(ascending, 0.99) / 1000)


def _timed(ranker: RankService, user: int, items: np.ndarray[tuple[int], np.dtype[np.int32]]) -> int:
    asked = time.perf_counter_ns()
    ranker.score(items, user)
    return time.perf_counter_ns() - asked


if __name__ == "__main__":
    print(json.dumps(asdict(score(Workplace(Path(sys.argv[1])), int(sys.argv[2])))))
