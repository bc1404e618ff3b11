"""The report on a terminal or in a log: plain aligned lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from homefeed.core.progress import Progress
from homefeed.evaluation.report import EvaluationReport, Figure, Segment, StageReport
from homefeed.evaluation.summary import summarise

TITLES = {"recall": "Recall stage, whole catalogue", "rank": "Rank stage, test impressions", "slate": "Final slate, as served"}
DRAWN_TITLE = "Rank stage, each test click against {} drawn negatives, not a click rate"


def say_report(report: EvaluationReport, progress: Progress) -> None:
    drawn = report.dataset.drawn_negatives
    for stage in (report.recall, report.rank, report.slate):
        title = DRAWN_TITLE.format(drawn) if drawn and stage.stage == "rank" else TITLES[stage.stage]
        for line in (title, *stage_lines(stage)):
            progress.say(line)
    summary = summarise(report)
    for line in (summary.headline, *summary.sentences):
        progress.say(line)


def stage_lines(stage: StageReport) -> Iterator[str]:
    """A table with one row a segment and contender; ± is half of the 95 % interval's width."""
    rows = [("", "", *stage.metrics)]
    for segment in stage.segments:
        rows += [
            (_of(segment) if i == 0 else "", name, *(_cell(figures[m]) for m in stage.metrics)) for i, (name, figures) in enumerate(segment.figures.items())
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield _line(row, widths)


def _of(segment: Segment) -> str:
    return f"{segment.name} ({segment.users:,} users)"


def _cell(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    spread = "" if figure.low is None or figure.high is None else f" ±{(figure.high - figure.low) / 2:.4f}"
    return f"{figure.value:.4f}{spread}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
