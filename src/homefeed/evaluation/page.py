"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from homefeed.evaluation.baselines import RANDOM
from homefeed.evaluation.plots import curve_plot, interval_plot
from homefeed.evaluation.report import EvaluationReport, Figure, StageReport
from homefeed.evaluation.summary import outcome, summarise

LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error"})
METRICS = {
    "recall_at_k": "share of the items a user went on to click that stand in the first k places",
    "ndcg_at_k": "the same, but a hit counts more the nearer to the top it stands; 1 is the best possible order",
    "hit_rate_at_k": "share of users with at least one hit in the first k places",
    "mrr_at_k": "one over the place of the first hit, averaged over users",
    "coverage_at_k": "share of the catalogue that stands in somebody's first k places",
    "auc": "chance that a clicked impression gets a higher probability than one that was not clicked; 0.5 is a coin",
    "gauc": "the same within each user, averaged by their impressions: what orders a page",
    "log_loss": "how surprised the probabilities are by what happened; lower is better",
    "calibration_error": "average distance between promised and observed click rate over 15 bins; lower is better",
}
DRAWN_METRICS = {
    "auc": "chance that a clicked item gets a higher probability than one that was drawn; 0.5 is a coin",
    "gauc": "the same within each user, averaged by their rows: what orders a page",
    "calibration_error": "average distance between promised and observed share of clicks among clicks and drawn items, over 15 bins; lower is better",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One stage on the page."""

    title: str
    text: str
    stage: StageReport
    plots: tuple[Markup, ...]


def render_page(report: EvaluationReport) -> str:
    environment = Environment(loader=PackageLoader("homefeed.evaluation"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number, "signed": _signed, "span": _span, "verdict": _verdict}
    since = datetime.fromtimestamp(report.dataset.test_from_us / 1e6, UTC) if report.dataset.test_from_us else None
    drawn = report.dataset.drawn_negatives
    sections = (_slate(report.slate), _recall(report.recall), _rank(report.rank, drawn))
    metrics = METRICS | (DRAWN_METRICS if drawn else {})
    page = environment.get_template("report.html")
    return page.render(report=report, facts=report.dataset, since=since, summary=summarise(report), sections=sections, metrics=metrics, random=RANDOM)


def _slate(stage: StageReport) -> Section:
    text = "What users would have been shown, built by the serving pipeline itself, against what they clicked later. This is the figure that counts."
    return Section("The final slate", text, stage, (_plot(interval_plot(stage, stage.lead)), _plot(interval_plot(stage, "hit_rate_at_10"))))


def _recall(stage: StageReport) -> Section:
    text = "The candidates, out of the whole catalogue, before they are ranked: what is not found here cannot be shown."
    curves = curve_plot(stage.curves, stage.ours, "places k", "recall_at_k, all users")
    return Section("Recall stage", text, stage, (_plot(interval_plot(stage, stage.lead)), _plot(curves)))


def _rank(stage: StageReport, drawn: int) -> Section:
    text = "Click probabilities of the test side's impressions, with hotness as it was at that moment. A baseline is one number, fitted on the train side."
    if drawn:
        text = (
            f"The log has clicks alone. Each is set against {drawn} items drawn from what was on offer: against drawn negatives, not a click rate. "
            "A probability here says how much likelier an item is to be the click than a drawn one."
        )
    plots = [_plot(interval_plot(stage, stage.lead))]
    if stage.curves:
        what = "share of clicks, drawn items included" if drawn else "click rate"
        plots.append(_plot(curve_plot(stage.curves, stage.ours, f"predicted {what}", f"observed {what}", diagonal=True)))
    return Section("Rank stage", text, stage, tuple(plots))


def _plot(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - drawn here, from numbers and names of contenders


def _number(figure: Figure) -> str:
    return "none" if figure.value is None else f"{figure.value:.4f}"


def _signed(figure: Figure) -> str:
    return "none" if figure.value is None else f"{figure.value:+.4f}"


def _span(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.4f} to {figure.high:.4f}"


def _verdict(figure: Figure, metric: str) -> str:
    """Class of a difference: better, worse or open."""
    sign = outcome(figure) * (-1 if metric in LOWER_IS_BETTER else 1)
    return {1: "better", -1: "worse", 0: "open"}[sign]
