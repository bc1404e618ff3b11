"""The report on a terminal or in a log: plain aligned lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from homefeed.core.progress import Progress
from homefeed.evaluation.report import Difference, EvaluationReport, Figure, Segment, StageReport
from homefeed.evaluation.segments import ALL
from homefeed.evaluation.summary import chance, summarise

SAID = {
    "recall": ("recall_at_50", "recall_at_10", "ndcg_at_10", "coverage_at_10"),
    "rank": ("gauc", "auc", "log_loss", "calibration_error"),
    "slate": ("ndcg_at_10", "recall_at_10", "hit_rate_at_10", "coverage_at_10"),
}
"""Metrics that a terminal has room for; the page and the JSON file have all."""
TITLES = {"recall": "Recall stage, whole catalogue", "rank": "Rank stage, test impressions", "slate": "Final slate, as served"}
DRAWN_TITLE = "Rank stage, each test click against {} drawn negatives, not a click rate"


def say_report(report: EvaluationReport, progress: Progress) -> None:
    drawn = report.dataset.drawn_negatives
    for stage in (report.recall, report.rank, report.slate):
        title = DRAWN_TITLE.format(drawn) if drawn and stage.stage == "rank" else TITLES[stage.stage]
        everybody = stage.segment(ALL)
        for line in (f"{title}: {everybody.users:,} users, {everybody.clicks:,} clicks", *stage_lines(stage), *segment_lines(stage)):
            progress.say(line)
    summary = summarise(report)
    for line in (summary.headline, *summary.sentences):
        progress.say(line)


def stage_lines(stage: StageReport) -> Iterator[str]:
    """All users: a row a contender. ± is half of the 95 % interval's width; the last column is ours less the contender, by the metric that decides."""
    everybody = stage.segment(ALL)
    metrics = SAID[stage.stage]
    rows: list[tuple[str, ...]] = [("", *metrics, f"{stage.ours} ahead by {stage.lead}")]
    for name, figures in everybody.figures.items():
        ahead = everybody.ahead[name][stage.lead] if name in everybody.ahead else None
        rows.append((name, *(_cell(figures[metric]) for metric in metrics), _ahead(ahead)))
    yield from _aligned(rows)


def segment_lines(stage: StageReport) -> Iterator[str]:
    """The other segments: ours, the best baseline there, and whether we are ahead of it, by the metric that decides (items: by their recall)."""
    rows = [_segment_row(stage, s, "users", stage.lead) for s in stage.segments if s.name != ALL and s.users]
    rows += [_segment_row(stage, s, "items", stage.item_metrics[-2]) for s in stage.item_segments if s.users]
    yield from _aligned(rows)


def _segment_row(stage: StageReport, segment: Segment, of: str, metric: str) -> tuple[str, ...]:
    ours = f"{metric}: {stage.ours} {_cell(segment.figures[stage.ours][metric])}"
    whom = f"{segment.name} {of}", f"{segment.users:,} users", ours
    if segment.best is None:
        return (*whom, "", "")
    return (*whom, f"{segment.best} {_cell(segment.figures[segment.best][metric])}", _ahead(segment.ahead[segment.best][metric]))


def _ahead(difference: Difference | None) -> str:
    if difference is None or difference.value is None or difference.low is None:
        return ""
    return ", ".join(
        part for part in (f"{difference.value:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})", chance(difference), difference.verdict) if part
    )


def _cell(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    spread = "" if figure.low is None or figure.high is None else f" ±{(figure.high - figure.low) / 2:.4f}"
    return f"{figure.value:.4f}{spread}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
