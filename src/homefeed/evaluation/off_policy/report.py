"""What off-policy evaluation found, for programs and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from homefeed.artifacts.disk import whole_file
from homefeed.core.progress import Progress
from homefeed.evaluation.off_policy.estimators import ESTIMATORS, Estimates
from homefeed.evaluation.off_policy.weights import Diagnostics
from homefeed.metrics.intervals import Interval

JSON_NAME = "off-policy.json"
DIGITS = 4


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """One question. ``refused``: why it cannot be answered; ``estimates`` are then None and only ``diagnostics`` are told."""

    policy: str
    text: str
    diagnostics: Diagnostics
    refused: tuple[str, ...]
    estimates: Estimates | None


@dataclass(frozen=True, slots=True)
class OffPolicyReport:
    """``logged``: clicks per impression of the log itself. ``reference``: what ``ahead`` is measured against."""

    made_at: str
    rows: int
    users: int
    clicks: int
    positions: int
    logged: Interval
    reference: str
    reward_model: str
    policies: tuple[PolicyReport, ...]

    @property
    def answers(self) -> bool:
        """Whether at least one question could be answered."""
        return any(not policy.refused for policy in self.policies)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def save_report(report: OffPolicyReport, folder: Path) -> Path:
    """Raises ``ArtifactError`` on a full disk."""
    path = folder / JSON_NAME
    with whole_file(path) as fresh:
        fresh.write_text(report.to_json(), encoding="utf-8")
    return path


def say_report(report: OffPolicyReport, progress: Progress) -> None:
    for line in _lines(report):
        progress.say(line)


def _lines(report: OffPolicyReport) -> Iterator[str]:
    yield (
        f"{report.rows:,} impressions of {report.users:,} users at {report.positions} positions, {report.clicks:,} clicks; "
        f"clicks per impression of the log itself: {_interval(report.logged)}"
    )
    for policy in report.policies:
        yield ""
        yield f"{policy.policy}: {policy.text}"
        yield f"  {_diagnostics(policy.diagnostics)}"
        for reason in policy.refused:
            yield f"  REFUSED: {reason}"
        yield from _figures(policy.estimates, report.reference)


def _figures(estimates: Estimates | None, reference: str) -> Iterator[str]:
    if estimates is None:
        return
    for name in ESTIMATORS:
        yield f"  {name.upper():5}  {_interval(estimates.values[name])}   less {reference}: {_interval(estimates.ahead[name], '+')}"
    yield f"  {reference}: {_interval(estimates.reference)}"


def _diagnostics(d: Diagnostics) -> str:
    return (
        f"effective rows {d.effective_rows:,.1f} of {d.rows:,}, effective clicks {d.effective_clicks:,.1f} of {d.clicks:,}; "
        f"weights: mean {d.mean_weight:.3f} ± {d.mean_weight_error:.3f}, 99 % at most {d.p99_weight:,.2f}, largest {d.max_weight:,.2f}, "
        f"cap {d.cap:,.0f} takes {d.clipped_weight:.1%}; "
        f"never shown there {d.unsupported:.1%}"
    )


def _interval(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.{DIGITS}f} ({interval.low:{sign}.{DIGITS}f} to {interval.high:{sign}.{DIGITS}f})"
