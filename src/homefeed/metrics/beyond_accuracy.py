"""What lists do for the catalogue, whatever was clicked."""

from __future__ import annotations

import numpy as np

from homefeed.metrics.ranking import RankedRows


def coverage_at_k(ranked: RankedRows, n_items: int, k: int) -> float:
    """Share of the catalogue's ``n_items`` that stands within the first k of at least one list; values below 1 are padding."""
    shown = np.bincount(np.maximum(ranked[:, :k], 0).ravel())
    return int(np.count_nonzero(shown[1:])) / n_items
