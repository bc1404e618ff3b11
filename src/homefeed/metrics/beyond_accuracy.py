"""What lists do for the catalogue and for variety, whatever was clicked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from homefeed.metrics.ranking import RankedRows, Values


def exposure(ranked: RankedRows, n_rows: int, k: int) -> npt.NDArray[np.int64]:
    """int64[n_rows]: in how many lists each item row stands among the first k; row 0, padding, is 0."""
    shown = np.bincount(np.maximum(ranked[:, :k], 0).ravel(), minlength=n_rows)
    shown[0] = 0
    return shown


def coverage_at_k(ranked: RankedRows, n_items: int, k: int) -> float:
    """Share of the catalogue's ``n_items`` that stands within the first k of at least one list; values below 1 are padding."""
    return int(np.count_nonzero(exposure(ranked, 1, k))) / n_items


def gini(amounts: npt.NDArray[np.int64]) -> float:
    """How unequally ``amounts`` (one an item, those that got nothing included) are shared: 0 equally, near 1 one gets all; NaN where there is nothing to share.

    Gini, Variabilità e mutabilità, 1912.
    """
    total, n = amounts.sum(), len(amounts)
    if not total:
        return float("nan")
    rank = np.arange(1, n + 1)
    return float(2 * (rank @ np.sort(amounts)) / (n * total) - (n + 1) / n)


def self_information(clicks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[N]: bits that a click on each item is worth, -log2 of its share of all clicks, each item given one click more so that none is endless.

    Vargas and Castells, Rank and Relevance in Novelty and Diversity Metrics for Recommender Systems, 2011.
    """
    smoothed = clicks + 1.0
    bits: npt.NDArray[np.float64] = np.log2(smoothed.sum()) - np.log2(smoothed)
    return bits


def novelty_at_k(ranked: RankedRows, information: npt.NDArray[np.float64], k: int) -> Values:
    """float64[U]: mean ``self_information`` (by item row) of the first k; NaN for an empty list."""
    shown = ranked[:, :k] > 0
    bits = np.where(shown, information[np.maximum(ranked[:, :k], 0)], 0.0).sum(1)
    return _mean(bits, shown.sum(1))


def diversity_at_k(ranked: RankedRows, tags: csr_matrix, k: int) -> Values:
    """float64[U]: 1 less the mean Jaccard similarity of the tag sets of all pairs within the first k.

    ``tags``: 0 or 1, [item rows, values]. A pair in which neither item has a tag does not count; NaN for a list without a pair that does.
    Ziegler et al., Improving Recommendation Lists Through Topic Diversification, 2005.
    """
    k = min(k, ranked.shape[1])
    first, second = np.triu_indices(k, 1)
    one, other = np.maximum(ranked[:, first], 0).ravel(), np.maximum(ranked[:, second], 0).ravel()
    size = np.diff(tags.indptr)
    shared = np.asarray(tags[one].multiply(tags[other]).sum(1)).ravel()
    union = size[one] + size[other] - shared
    counts = (union > 0) & (one > 0) & (other > 0)
    similarity = np.where(counts, shared / np.maximum(union, 1), 0.0)
    return 1 - _mean(similarity.reshape(len(ranked), -1).sum(1), counts.reshape(len(ranked), -1).sum(1))


def _mean(total: npt.NDArray[np.float64], count: npt.NDArray[np.int64]) -> Values:
    mean: Values = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean
