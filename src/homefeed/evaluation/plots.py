"""Plots of the report as SVG that takes its ink from the page around it, so that one drawing serves light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from homefeed.evaluation.baselines import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.report import Curve, Figure, StageReport

INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
COLOURS = {HOTNESS: "#e8702a", POPULARITY: "#2f9e6e", RANDOM: "#8a8f98"}
OURS, SECOND = "#3b73e8", "#9b59c6"


def interval_plot(stage: StageReport, metric: str) -> str:
    """One line a contender and segment: the figure as a dot, its 95 % interval as a bar."""
    segments = [s for s in stage.segments if s.users]
    rows = [(s, name, s.figures[name][metric]) for s in segments for name in s.figures if s.figures[name][metric].value is not None]
    with _style():
        canvas, axes = _canvas(height=0.55 + 0.24 * len(rows) + 0.1 * len(segments))
        places = [row + 0.6 * segments.index(segment) for row, (segment, _, _) in enumerate(rows)]
        for place, (_, name, figure) in zip(places, rows, strict=True):
            _interval(axes, place, figure, _colour(name, stage.ours))
        axes.set_yticks(places, [f"{name} · {segment.name}" for segment, name, _ in rows])
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(metric)
        axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.6)
        return _svg(canvas, f"{metric} by contender and segment, with 95 % intervals")


def curve_plot(curves: Sequence[Curve], ours: str, x_label: str, y_label: str, *, diagonal: bool = False) -> str:
    """Lines with a legend; ``diagonal`` adds where y equals x."""
    with _style():
        canvas, axes = _canvas(height=3.4)
        for curve in curves:
            axes.plot(curve.x, curve.y, color=_colour(curve.name, ours), label=curve.name, linewidth=1.8, marker="o" if diagonal else "", markersize=3.5)
        if diagonal:
            top = max((max(*curve.x, *curve.y) for curve in curves), default=1.0)
            axes.plot([0, top], [0, top], color=INK, alpha=0.5, linewidth=0.8, linestyle="--", label="perfect")
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.set_ylim(bottom=0)
        axes.grid(color=INK, alpha=0.12, linewidth=0.6)
        axes.legend()
        return _svg(canvas, f"{y_label} over {x_label}")


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "homefeed",
            "text.color": INK,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.6,
            "font.size": 9,
            "legend.frameon": False,
        }
    )


def _canvas(height: float) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(5.2, height), layout="constrained")
    return canvas, canvas.add_subplot()


def _interval(axes: Axes, place: float, figure: Figure, colour: str) -> None:
    if figure.low is not None and figure.high is not None:
        axes.plot([figure.low, figure.high], [place, place], color=colour, linewidth=4, alpha=0.35, solid_capstyle="round")
    axes.plot([figure.value or 0.0], [place], color=colour, marker="o", markersize=5)


def _colour(name: str, ours: str) -> str:
    return OURS if name == ours else COLOURS.get(name, SECOND)


def _svg(canvas: Canvas, title: str) -> str:
    """The drawing without its prologue, metadata and namespaces: nothing in it looks outside the page."""
    written = io.StringIO()
    canvas.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = written.getvalue()[written.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\sid="(?!p|m|C)\w+_\d+"', "", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", svg).replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
