"""When the log cannot carry the question: a figure that looks like an answer is worse than none."""

from __future__ import annotations

from homefeed.evaluation.off_policy.weights import Diagnostics

MIN_EFFECTIVE_ROWS = 100.0
MIN_EFFECTIVE_CLICKS = 10.0
"""An interval from fewer clicks than that resamples a handful of draws."""
MAX_UNSUPPORTED = 0.05
MAX_EMPTY = 0.01
MAX_CLIPPED = 0.1
SIGMAS = 4.0
TOLERANCE = 0.1


def reasons_to_refuse(d: Diagnostics) -> tuple[str, ...]:
    """Empty where the question can be answered."""
    found = [_unsupported(d), _empty(d), _effective_rows(d), _effective_clicks(d), _mean_weight(d), _clipped(d)]
    return tuple(reason for reason in found if reason)


def _unsupported(d: Diagnostics) -> str:
    if d.unsupported <= MAX_UNSUPPORTED:
        return ""
    return f"{d.unsupported:.1%} of what it would show was never shown at that position (at most {MAX_UNSUPPORTED:.0%})"


def _empty(d: Diagnostics) -> str:
    return f"it has nothing to show in {d.empty:.1%} of the impressions: its pages are not those of the log" if d.empty > MAX_EMPTY else ""


def _effective_rows(d: Diagnostics) -> str:
    if d.effective_rows >= MIN_EFFECTIVE_ROWS:
        return ""
    return f"{d.rows:,} rows speak for it like {d.effective_rows:,.1f} of its own (at least {MIN_EFFECTIVE_ROWS:.0f})"


def _effective_clicks(d: Diagnostics) -> str:
    if d.effective_clicks >= MIN_EFFECTIVE_CLICKS:
        return ""
    return f"{d.clicks:,} clicks speak for it like {d.effective_clicks:,.1f} of its own (at least {MIN_EFFECTIVE_CLICKS:.0f})"


def _mean_weight(d: Diagnostics) -> str:
    """What is not supported has no weight, so the mean is expected below 1 by as much."""
    expected = 1.0 - d.unsupported - d.empty
    if abs(d.mean_weight - expected) <= max(TOLERANCE, SIGMAS * d.mean_weight_error):
        return ""
    return (
        f"its weights have the mean {d.mean_weight:.3f} ± {d.mean_weight_error:.3f} and should have {expected:.3f}: "
        "either the propensities are not the chances with which the log was made, or it hardly ever shows what this policy would"
    )


def _clipped(d: Diagnostics) -> str:
    if d.clipped_weight <= MAX_CLIPPED:
        return ""
    return f"{d.clipped_weight:.1%} of its weight lies above the cap of {d.cap:,.0f} (at most {MAX_CLIPPED:.0%})"
