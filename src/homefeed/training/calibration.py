"""Where a ranker's calibration comes from, kept beside it: a figure without its origin convinces nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from homefeed.artifacts.processed import Interactions
from homefeed.metrics.calibration import expected_calibration_error
from homefeed.models.mix import Mix

Floats = npt.NDArray[np.float32]


def provenance(mix: Mix, deep: Floats, factors: Floats, rows: Interactions) -> dict[str, Any]:
    """What the mix was learned from, as JSON values. ``deep`` and ``factors``: float32[N] logits that the first fit gave the slice's ``rows``.

    ``error_*``: calibration error there of each part and of their mix, None without rows. Three numbers were learned from these rows: the mix's flatters
    by next to nothing. ``drawn``: how many rows were drawn; where there are any, this is no click rate.
    """
    mixed = mix.intercept + mix.deep * deep + mix.factors * factors
    errors = {name: _error(rows.label, logits) for name, logits in (("deep", deep), ("factors", factors), ("mix", mixed))}
    ends = {name: _iso(int(ts_us)) for name, ts_us in (("from", rows.ts_us.min()), ("until", rows.ts_us.max()))} if len(rows) else {}
    return {"fit": "first", "rows": len(rows), "drawn": int(rows.drawn.sum()), **ends, **{f"error_{name}": error for name, error in errors.items()}}


def _error(label: Floats, logits: Floats) -> float | None:
    return round(expected_calibration_error(label, expit(logits.astype(np.float64))), 6) if len(label) else None


def _iso(ts_us: int) -> str:
    return datetime.fromtimestamp(ts_us / 1e6, UTC).isoformat(timespec="seconds")
