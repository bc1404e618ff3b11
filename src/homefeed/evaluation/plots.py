"""Plots of the report as SVG that takes its ink from the page around it, so that one drawing serves light and dark."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from homefeed.evaluation.drawing import INK, canvas, colours, style, svg
from homefeed.evaluation.report import LOWER_IS_BETTER, Difference, Figure, StageReport
from homefeed.evaluation.segments import ALL


def ahead_plot(stage: StageReport, metric: str) -> str:
    """Ours less each other contender over all users: the difference as a dot, its 95 % interval as a bar, the hardest to beat on top."""
    worse = -1 if metric in LOWER_IS_BETTER else 1
    known = [(name, row[metric]) for name, row in stage.segment(ALL).ahead.items() if row[metric].value is not None]
    rows = sorted(known, key=lambda row: worse * (row[1].value or 0))
    with style():
        drawing, axes = canvas(height=0.75 + 0.26 * len(rows))
        for place, (_, ahead) in enumerate(rows):
            _interval(axes, place, ahead, {"ahead": "#1d7a4f", "behind": "#b3382c"}.get(ahead.verdict, "#8a8f98"))
        axes.axvline(0, color=INK, alpha=0.6, linewidth=0.8)
        _rows(axes, range(len(rows)), [f"less {name}" for name, _ in rows])
        axes.set_xlabel(f"{stage.ours}, {metric}: ahead of each by" + (" (below 0 is better)" if worse < 0 else ""))
        return svg(drawing, f"{stage.ours} less each other contender, {metric}, with 95 % intervals")


def segment_plot(stage: StageReport, metric: str) -> str:
    """By group of users: ours, the best baseline of that group and the others, each figure a dot with its 95 % interval."""
    segments = [s for s in stage.segments if s.users]
    colour = colours(stage)
    with style():
        drawing, axes = canvas(height=0.8 + 0.5 * len(segments))
        for row, segment in enumerate(segments):
            for name in sorted(segment.figures, key=lambda name: name in (segment.best, stage.ours)):
                front = name in (segment.best, stage.ours)
                place = row + {stage.ours: -0.13, segment.best: 0.13}.get(name, 0.0)
                _interval(axes, place, segment.figures[name][metric], colour[name], alpha=1.0 if front else 0.45, bar=front)
        _rows(axes, range(len(segments)), [_row_name(stage, s.name, s.best, s.users) for s in segments])
        axes.set_xlabel(f"{metric} (above: ours; below: the best baseline)")
        return svg(drawing, f"{metric} by group of users, with 95 % intervals")


def recall_plot(stage: StageReport) -> str:
    """Recall over the first k places, all users; the legend in the order in which the lines end."""
    colour = colours(stage)
    with style():
        drawing, axes = canvas(height=3.6)
        for curve in sorted(stage.curves, key=lambda curve: -curve.y[-1]):
            ours = curve.name == stage.ours
            axes.plot(curve.x, curve.y, color=colour[curve.name], label=curve.name, linewidth=2.4 if ours else 1.3, zorder=3 if ours else 2)
        _labels(axes, "places k", "recall_at_k, all users")
        axes.legend(fontsize=8)
        return svg(drawing, "recall_at_k over places k")


def calibration_plot(stage: StageReport, what: str) -> str:
    """Observed over predicted rate by bin of equal mass; the band is where a perfect model's would lie in 95 of 100 cases."""
    colour = colours(stage)
    with style():
        drawing, axes = canvas(height=3.6)
        for curve in sorted(stage.curves, key=lambda curve: curve.name != stage.ours):
            ours = curve.name == stage.ours
            look = {"linewidth": 2.0, "marker": "o", "markersize": 4, "zorder": 3} if ours else {"linewidth": 1.0, "alpha": 0.7}
            axes.plot(curve.x, curve.y, color=colour[curve.name], label=curve.name, **look)
        _band(axes, stage)
        top = max((max(*curve.x, *curve.y) for curve in stage.curves), default=1.0)
        axes.plot([0, top], [0, top], color=INK, alpha=0.5, linewidth=0.8, linestyle="--", label="perfect")
        _labels(axes, f"predicted {what}", f"observed {what}")
        axes.legend(fontsize=8)
        return svg(drawing, f"observed {what} over predicted {what}")


def _band(axes: Axes, stage: StageReport) -> None:
    ours = next((curve for curve in stage.curves if curve.name == stage.ours), None)
    if stage.calibration and ours:
        axes.fill_between(ours.x, stage.calibration.low, stage.calibration.high, color=INK, alpha=0.14, linewidth=0, label="chance alone, 95 %")


def _interval(axes: Axes, place: float, figure: Figure | Difference, colour: str, *, alpha: float = 1.0, bar: bool = True) -> None:
    if figure.value is None:
        return
    if bar and figure.low is not None and figure.high is not None:
        axes.plot([figure.low, figure.high], [place, place], color=colour, linewidth=4, alpha=0.35 * alpha, solid_capstyle="round")
    axes.plot([figure.value], [place], color=colour, marker="o", markersize=5 if bar else 3.5, alpha=alpha)


def _row_name(stage: StageReport, name: str, best: str | None, users: int) -> str:
    return f"{name} ({users:,})" + (f"\nbest: {best}" if best else "")


def _rows(axes: Axes, places: Sequence[int] | range, names: Sequence[str]) -> None:
    axes.set_yticks(list(places), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.6)


def _labels(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(bottom=0)
    axes.grid(color=INK, alpha=0.12, linewidth=0.6)
