"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from homefeed.evaluation.meanings import meanings
from homefeed.evaluation.plots import ahead_plot, calibration_plot, recall_plot, segment_plot
from homefeed.evaluation.report import Difference, EvaluationReport, Figure, StageReport
from homefeed.evaluation.segments import ALL, MEANINGS
from homefeed.evaluation.summary import chance, summarise

CLASSES = {"ahead": "better", "behind": "worse", "cannot be told": "open"}


@dataclass(frozen=True, slots=True)
class Section:
    """One stage on the page."""

    title: str
    text: str
    stage: StageReport
    plots: tuple[Markup, ...]


def render_page(report: EvaluationReport) -> str:
    environment = Environment(loader=PackageLoader("homefeed.evaluation"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number, "signed": _signed, "span": _span, "verdict": _verdict, "chance": chance}
    since = datetime.fromtimestamp(report.dataset.test_from_us / 1e6, UTC) if report.dataset.test_from_us else None
    drawn = report.dataset.drawn_negatives
    return environment.get_template("report.html").render(
        report=report,
        facts=report.dataset,
        since=since,
        summary=summarise(report),
        sections=(_slate(report.slate), _recall(report.recall), _rank(report.rank, drawn)),
        metrics=meanings(drawn=drawn > 0),
        meaning=MEANINGS,
        everybody=ALL,
    )


def _slate(stage: StageReport) -> Section:
    text = "What users would have been shown, built by the serving pipeline itself, against what they clicked later. This is the figure that counts."
    return Section("The final slate", text, stage, _plots(*_ahead(stage), segment_plot(stage, stage.lead)))


def _recall(stage: StageReport) -> Section:
    text = "The candidates, out of the whole catalogue, before they are ranked: what is not found here cannot be shown."
    return Section("Recall stage", text, stage, _plots(recall_plot(stage), *_ahead(stage), segment_plot(stage, stage.lead)))


def _rank(stage: StageReport, drawn: int) -> Section:
    text = (
        "Click probabilities of the test side's impressions, with hotness as it was at that moment. "
        "Random, popularity and hotness are one number each, fitted on the train side."
    )
    if drawn:
        text = (
            f"The log has clicks alone. Each is set against {drawn} items drawn from what was on offer: against drawn negatives, not a click rate. "
            "A probability here says how much likelier an item is to be the click than a drawn one."
        )
    curves = [calibration_plot(stage, "share of clicks, drawn items included" if drawn else "click rate")] if stage.curves else []
    return Section("Rank stage", text, stage, _plots(*_ahead(stage), *curves, segment_plot(stage, stage.lead)))


def _ahead(stage: StageReport) -> tuple[str, ...]:
    """Nothing where nobody stands beside ours."""
    rows = stage.segment(ALL).ahead.values()
    return (ahead_plot(stage, stage.lead),) if any(row[stage.lead].value is not None for row in rows) else ()


def _plots(*drawn: str) -> tuple[Markup, ...]:
    return tuple(Markup(svg) for svg in drawn)  # noqa: S704 - drawn here, from numbers and names of contenders


def _number(figure: Figure) -> str:
    return "none" if figure.value is None else f"{figure.value:.4f}"


def _signed(figure: Difference) -> str:
    return "none" if figure.value is None else f"{figure.value:+.4f}"


def _span(figure: Figure | Difference) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.4f} to {figure.high:.4f}"


def _verdict(difference: Difference) -> str:
    """Class of a difference: better, worse or open."""
    return CLASSES[difference.verdict]
