"""The figures of a closed loop as lines of text."""

from __future__ import annotations

from homefeed.core.progress import Progress
from homefeed.metrics.intervals import Interval
from homefeed.simulation.loop.report import LoopReport, PolicyFigures

_HEAD = ("policy", "CTR", "CVR", "gap closed", "regret", "Gini", "coverage", "new items", "seconds")


def say_report(report: LoopReport, progress: Progress) -> None:
    days, shown = len(next(iter(report.policies.values())).days), f"{report.impressions:,} impressions a policy"
    shop = f"{report.users:,} users, {report.items:,} items"
    progress.say(f"\n{report.preset}, seed {report.seed}: {days} days, {shop}, {shown}")
    rows = [_HEAD, *(_row(name, figures) for name, figures in report.policies.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        progress.say("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    progress.say("  CTR: clicks per impression; CVR: orders per click; gap closed: between random (0) and best possible (1); regret: clicks behind the best;")
    progress.say("  new items: their share of the impressions. In brackets 95 % intervals over users.")


def _row(name: str, figures: PolicyFigures) -> tuple[str, ...]:
    return (
        name,
        _span(figures.ctr, 4),
        _span(figures.cvr, 4),
        _span(figures.closed, 3),
        f"{figures.regret:,.0f}",
        f"{figures.exposure.gini:.3f}",
        f"{figures.exposure.coverage:.3f}",
        f"{figures.new_items.share:.3f}",
        f"{figures.night_seconds + figures.day_seconds:.1f}",
    )


def _span(figure: Interval, digits: int) -> str:
    return f"{figure.mean:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"
