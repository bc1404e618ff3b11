"""How all plots of the report look, and how they become SVG."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from itertools import cycle

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from homefeed.evaluation.baselines.names import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.report import StageReport
from homefeed.evaluation.segments import ALL

INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
OURS, ALSO_OURS = "#3b73e8", "#7f9fe6"
COLOURS = {HOTNESS: "#e8702a", POPULARITY: "#2f9e6e", RANDOM: "#8a8f98"}
OTHERS = ("#c2418c", "#9b59c6", "#c79a1e", "#1fa3b3", "#a3623a", "#d0524a", "#6f8f2a", "#5f6bb3")


def colours(stage: StageReport) -> dict[str, str]:
    """By contender, the same in every plot of the stage."""
    others = cycle(OTHERS)
    fixed = {stage.ours: OURS, **dict.fromkeys(stage.also_ours, ALSO_OURS), **COLOURS}
    return {name: fixed.get(name) or next(others) for name in stage.segment(ALL).figures}


def style() -> AbstractContextManager[None]:
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


def canvas(height: float) -> tuple[Canvas, Axes]:
    drawing = Canvas(figsize=(5.2, height), layout="constrained")
    return drawing, drawing.add_subplot()


def svg(drawing: Canvas, title: str) -> str:
    """The drawing without its prologue, metadata and namespaces: nothing in it looks outside the page."""
    written = io.StringIO()
    drawing.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = written.getvalue()[written.getvalue().index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\sid="(?!p|m|C)\w+_\d+"', "", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", text).replace(INK, "currentColor")
    return text.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
