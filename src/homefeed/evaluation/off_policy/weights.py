"""Importance weights, and what they tell about how much of the log speaks for the other policy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homefeed.evaluation.off_policy.logged import Doubles, LoggedRows
from homefeed.evaluation.off_policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Weights:
    """``w``: float64[N], chance under the target policy over chance under the logging policy, at most ``cap``; ``raw``: the same before that."""

    w: Doubles
    raw: Doubles
    cap: float


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """``effective_rows``: as many rows of weight 1 would be as sure (Kish); ``effective_clicks``: the same of the clicked rows alone.

    ``mean_weight`` and its standard error ``mean_weight_error``, before the cap: 1 where the propensities are right and the log shows all that the policy
    would. ``p99_weight``, ``max_weight``: before the cap. ``used_rows``: share of the rows with a weight above 0. ``clipped_weight``: share of all weight that
    the cap takes away. ``unsupported``: share of the policy's choices that the log never shows at that position. ``empty``: share of rows where it has none.
    """

    rows: int
    clicks: int
    effective_rows: float
    effective_clicks: float
    mean_weight: float
    mean_weight_error: float
    used_rows: float
    p99_weight: float
    max_weight: float
    cap: float
    clipped_weight: float
    unsupported: float
    empty: float


def importance_weights(policy: Policy, rows: LoggedRows) -> Weights:
    """Capped at the mean weight of the n rows that have one, times √n, after Ionides, Truncated Importance Sampling, 2008."""
    raw = policy.chance_of_logged(rows) / rows.propensity
    used = raw[raw > 0]
    cap = float(used.mean() * np.sqrt(len(used))) if len(used) else 1.0
    return Weights(np.minimum(raw, cap), raw, cap)


def diagnose(policy: Policy, rows: LoggedRows, weights: Weights, n_items: int) -> Diagnostics:
    w, raw = weights.w, weights.raw
    return Diagnostics(
        rows=len(rows),
        clicks=int(rows.click.sum()),
        effective_rows=effective_size(w),
        effective_clicks=effective_size(w * rows.click),
        mean_weight=float(raw.mean()),
        mean_weight_error=_error_of_mean(raw, rows),
        used_rows=float((w > 0).mean()),
        p99_weight=float(np.quantile(raw, 0.99)),
        max_weight=float(raw.max()),
        cap=weights.cap,
        clipped_weight=float(1 - w.sum() / raw.sum()) if raw.any() else 0.0,
        unsupported=policy.unsupported(rows, n_items),
        empty=policy.empty(),
    )


def effective_size(w: Doubles) -> float:
    """(Σw)² / Σw²: Kish, Survey Sampling, 1965. 0 where all weights are 0."""
    return float(w.sum() ** 2 / (w @ w)) if w.any() else 0.0


def _error_of_mean(raw: Doubles, rows: LoggedRows) -> float:
    """Standard error of the mean weight, rows of one user taken together."""
    by_user = np.bincount(rows.user, raw - raw.mean())
    return float(np.sqrt(by_user @ by_user) / len(raw))
