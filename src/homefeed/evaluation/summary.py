"""What the report says in plain words, verdict first."""

from __future__ import annotations

from dataclasses import dataclass

from homefeed.evaluation.report import Difference, EvaluationReport, Figure, Segment, StageReport
from homefeed.evaluation.segments import ALL, COLD, WARM

SMALLEST_P = 0.0005
"""The paired test cannot tell smaller ones apart."""


@dataclass(frozen=True, slots=True)
class Summary:
    """``headline``: does the feed beat the best baseline, by how much; ``sentences``: what stands behind it."""

    headline: str
    sentences: tuple[str, ...]


def summarise(report: EvaluationReport) -> Summary:
    everybody = report.slate.segment(ALL)
    apart = [part for part in map(report.slate.segment, (WARM, COLD)) if 0 < part.users < everybody.users]
    by_part = [f"For {part.users:,} {part.name} users: {_lower(_verdict(report.slate, part))}" for part in apart if part.best]
    drawn = report.dataset.drawn_negatives > 0
    lines = [_against_each(report.slate), _first_page(report.slate), *by_part, _recall(report.recall)]
    lines += [_rank(report.rank, drawn), _calibration(report.rank, drawn), _orders(report), _unfinished(report)]
    return Summary(_verdict(report.slate, everybody), tuple(line for line in lines if line))


def chance(difference: Difference) -> str:
    """The p value in words; empty where there is none."""
    if difference.p is None:
        return ""
    return f"p < {2 * SMALLEST_P:.3f}" if difference.p < 2 * SMALLEST_P else f"p {difference.p:.3f}"


def _verdict(stage: StageReport, segment: Segment) -> str:
    metric, best = stage.lead, segment.best
    if best is None:
        return f"No baseline stands beside {stage.ours}: {metric} {_number(segment.figures[stage.ours][metric])}."
    ours, theirs, ahead = segment.figures[stage.ours][metric], segment.figures[best][metric], segment.ahead[best][metric]
    if ahead.value is None or ahead.low is None:
        return f"There are too few users to compare {stage.ours} with {best}."
    openings = {
        "ahead": f"{_upper(stage.ours)} beats the best baseline, {best}",
        "behind": f"The best baseline, {best}, beats {stage.ours}",
        "cannot be told": f"{_upper(stage.ours)} and the best baseline, {best}, cannot be told apart",
    }
    times = f", {(ours.value or 0) / theirs.value:.2f} to 1" if theirs.value and ahead.verdict == "ahead" else ""
    interval = f"{ahead.value:+.4f}, 95 % interval {ahead.low:+.4f} to {ahead.high:+.4f}, {chance(ahead)}"
    return f"{openings[ahead.verdict]}{times}: {metric} {_number(ours)} against {_number(theirs)} ({interval})."


def _orders(report: EvaluationReport) -> str:
    """Nothing where the shop has no orders."""
    if not (said := report.orders):
        return ""
    asked = {"order": "Which clicks lead to an order", "click_and_order": "which impressions to a click and an order"}
    told = [f"{what}: AUC {said[f'{name}_auc']:.4f}, log loss {said[f'{name}_log_loss']:.4f}" for name, what in asked.items() if f"{name}_auc" in said]
    told[0] += f", calibration error {said['order_calibration_error']:.4f}"
    return "; ".join(told) + "."


def _against_each(stage: StageReport) -> str:
    """Baselines by verdict; nothing where there is but one."""
    ahead = {name: row[stage.lead].verdict for name, row in stage.segment(ALL).ahead.items() if name not in stage.also_ours}
    parts = [(verdict, [name for name, said in ahead.items() if said == verdict]) for verdict in ("ahead", "behind", "cannot be told")]
    words = {"ahead": "ahead of", "behind": "behind", "cannot be told": "not to be told apart from"}
    told = "; ".join(f"{words[verdict]} {', '.join(names)}" for verdict, names in parts if names)
    return f"By {stage.lead} {stage.ours} is {told}." if len(ahead) > 1 else ""


def _first_page(stage: StageReport) -> str:
    everybody, metric = stage.segment(ALL), "hit_rate_at_10"
    ours = _percent(everybody.figures[stage.ours][metric])
    other = f"; with {everybody.best} {_percent(everybody.figures[everybody.best][metric])}" if everybody.best else ""
    return f"{ours} of the users who clicked later find something they clicked in the first ten places of {stage.ours}{other}."


def _recall(stage: StageReport) -> str:
    everybody, metric = stage.segment(ALL), stage.lead
    ours, places = _percent(everybody.figures[stage.ours][metric]), metric.rpartition("_")[2]
    held = f"Of what users went on to click, the recall stage holds {ours} in its first {places} places"
    if everybody.best is None:
        return f"{held}."
    return f"{held}, {everybody.best} {_percent(everybody.figures[everybody.best][metric])}: {_told(everybody.ahead[everybody.best][metric])}."


def _rank(stage: StageReport, drawn: bool) -> str:
    everybody = stage.segment(ALL)
    ours = everybody.figures[stage.ours]["auc"] if everybody.figures else Figure(None)
    if ours.value is None:
        return "The test side has impressions of one kind only, all clicked or none: there is nothing to rank."
    pair = "an item that was clicked and one that was drawn from what was on offer" if drawn else "an impression that was clicked and one that was not"
    others = f" ({everybody.best}: {_percent(everybody.figures[everybody.best]['auc'])})" if everybody.best else ""
    by_page = f"; within each user's rows it is {_told(everybody.ahead[everybody.best][stage.lead])} by {stage.lead}" if everybody.best else ""
    return f"Of {pair}, the ranker puts the clicked one first {_percent(ours)} of the time{others}{by_page}."


def _calibration(stage: StageReport, drawn: bool) -> str:
    figures = stage.segment(ALL).figures
    error = figures[stage.ours]["calibration_error"].value if figures else None
    if error is not None and drawn:
        return f"Its probabilities are against drawn negatives, not a click rate; as such they are off by {100 * error:.1f} percentage points on average."
    if stage.calibration is None:
        return ""
    told = "calibrated" if stage.calibration.calibrated else "not calibrated"
    off, limit = 100 * stage.calibration.error, 100 * stage.calibration.limit
    return f"Its click probabilities are {told}: off by {off:.2f} percentage points on average, where up to {limit:.2f} count as right."


def _unfinished(report: EvaluationReport) -> str:
    named = [f"{name} ({note.remark})" if note.remark else name for name, note in report.baselines.items() if not note.finished]
    return f"Not compared: {', '.join(named)}." if named else ""


def _told(difference: Difference) -> str:
    return {"ahead": "ahead", "behind": "behind", "cannot be told": "not to be told apart"}[difference.verdict]


def _number(figure: Figure) -> str:
    return "unknown" if figure.value is None else f"{figure.value:.4f}"


def _percent(figure: Figure) -> str:
    return "unknown" if figure.value is None else f"{100 * figure.value:.1f} %"


def _upper(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
