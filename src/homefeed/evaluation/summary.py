"""What the report says in plain words, verdict first."""

from __future__ import annotations

from dataclasses import dataclass

from homefeed.evaluation.baselines import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.report import EvaluationReport, Figure, Segment, StageReport
from homefeed.evaluation.segments import ALL


@dataclass(frozen=True, slots=True)
class Summary:
    """``headline``: does the feed beat hotness, by how much; ``sentences``: the stages behind it."""

    headline: str
    sentences: tuple[str, ...]


def summarise(report: EvaluationReport) -> Summary:
    everybody, *parts = report.slate.segments
    apart = [part for part in parts if 0 < part.users < everybody.users]
    by_part = [f"For {part.users:,} {part.name} users: {_lower(_verdict(report.slate, part))}" for part in apart]
    drawn = report.dataset.drawn_negatives > 0
    stages = [line for line in (_recall(report.recall), _rank(report.rank, drawn), _calibration(report.rank, drawn)) if line]
    return Summary(_verdict(report.slate, everybody), (_first_page(report.slate), *by_part, *stages))


def outcome(ahead: Figure) -> int:
    """1: above 0 beyond doubt (the whole interval), -1: below, 0: cannot be told."""
    if ahead.low is None or ahead.high is None:
        return 0
    return int(ahead.low > 0) - int(ahead.high < 0)


def _verdict(stage: StageReport, segment: Segment) -> str:
    metric = stage.lead
    ours, hotness, ahead = segment.figures[stage.ours][metric], segment.figures[HOTNESS][metric], segment.ahead[HOTNESS][metric]
    if ours.value is None or hotness.value is None or ahead.value is None or ahead.low is None:
        return f"There are too few users to compare {stage.ours} with hotness."
    opening = {1: "The feed beats hotness", -1: "Hotness beats the feed", 0: "The feed and hotness cannot be told apart"}[outcome(ahead)]
    times = f", {ours.value / hotness.value:.2f} to 1" if hotness.value > 0 and outcome(ahead) == 1 else ""
    interval = f"{ahead.value:+.4f}, 95 % interval {ahead.low:+.4f} to {ahead.high:+.4f}"
    return f"{opening}{times}: {metric} {ours.value:.4f} against {hotness.value:.4f} ({interval})."


def _first_page(stage: StageReport) -> str:
    figures = _all(stage).figures
    ours, hotness, chance = (_percent(figures[name]["hit_rate_at_10"]) for name in (stage.ours, HOTNESS, RANDOM))
    return (
        f"{ours} of the users who clicked later find something they clicked in the feed's first ten places; with hotness {hotness}, with random items {chance}."
    )


def _recall(stage: StageReport) -> str:
    metric = stage.lead
    share = {name: _percent(figures[metric]) for name, figures in _all(stage).figures.items()}
    others = ", ".join(f"{name} {share[name]}" for name in (POPULARITY, HOTNESS, RANDOM))
    return f"Of what users went on to click, the recall stage holds {share[stage.ours]} in its first {metric.rpartition('_')[2]} places ({others})."


def _rank(stage: StageReport, drawn: bool) -> str:
    figures = _all(stage).figures
    if not figures or figures[stage.ours]["auc"].value is None:
        return "The test side has impressions of one kind only, all clicked or none: there is nothing to rank."
    ours, hotness = _percent(figures[stage.ours]["auc"]), _percent(figures[HOTNESS]["auc"])
    pair = "an item that was clicked and one that was drawn from what was on offer" if drawn else "an impression that was clicked and one that was not"
    return f"Of {pair}, the ranker puts the clicked one first {ours} of the time (hotness alone: {hotness})."


def _calibration(stage: StageReport, drawn: bool) -> str:
    figures = _all(stage).figures
    error = figures[stage.ours]["calibration_error"].value if figures else None
    if error is None:
        return ""
    off = f"off by {100 * error:.1f} percentage points on average"
    return f"Its probabilities are against drawn negatives, not a click rate; as such they are {off}." if drawn else f"Its click probabilities are {off}."


def _all(stage: StageReport) -> Segment:
    return next(segment for segment in stage.segments if segment.name == ALL)


def _percent(figure: Figure) -> str:
    return "unknown" if figure.value is None else f"{100 * figure.value:.1f} %"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
