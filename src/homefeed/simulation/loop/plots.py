"""Plots of a closed loop: one line a policy, with its 95 % interval as a band."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from homefeed.evaluation.drawing import INK, canvas, style, svg
from homefeed.metrics.intervals import Interval
from homefeed.simulation.loop.policy import BEST, HOT, ORIGINAL, OURS, RANDOM
from homefeed.simulation.loop.report import DayFigures, PolicyFigures

COLOURS = {OURS: "#3b73e8", HOT: "#e8702a", BEST: "#2f9e6e", RANDOM: "#8a8f98", ORIGINAL: "#9b59c6"}
Policies = Mapping[str, PolicyFigures]


def day_plot(policies: Policies, figure: Callable[[DayFigures], Interval], label: str) -> str:
    """A figure by day."""
    with style():
        drawing, axes = canvas(height=3.2)
        for name, figures in policies.items():
            days, intervals = [day.day for day in figures.days], [figure(day) for day in figures.days]
            axes.plot(days, [i.mean for i in intervals], color=COLOURS[name], label=name, linewidth=1.8, marker="o", markersize=3)
            axes.fill_between(days, [i.low for i in intervals], [i.high for i in intervals], color=COLOURS[name], alpha=0.2, linewidth=0)
        _finish(axes, "day", label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return svg(drawing, f"{label} by day and policy, with 95 % intervals")


def regret_plot(policies: Policies) -> str:
    """Clicks behind the best possible, since the first day."""
    with style():
        drawing, axes = canvas(height=3.2)
        for name, figures in policies.items():
            axes.plot(
                [day.day for day in figures.days],
                [day.regret for day in figures.days],
                color=COLOURS[name],
                label=name,
                linewidth=1.8,
                marker="o",
                markersize=3,
            )
        _finish(axes, "day", "clicks behind the best possible, in all")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return svg(drawing, "Cumulative regret by day and policy")


def lorenz_plot(policies: Policies) -> str:
    """Who gets the impressions."""
    with style():
        drawing, axes = canvas(height=3.2)
        for name, figures in policies.items():
            shares = figures.exposure.lorenz
            axes.plot(np.linspace(0, 1, len(shares)), shares, color=COLOURS[name], label=name, linewidth=1.8)
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.5, linewidth=0.8, linestyle="--", label="all items alike")
        _finish(axes, "share of the items, least shown first", "share of the impressions")
        return svg(drawing, "Lorenz curves of the impressions over the items")


def new_items_plot(policies: Policies) -> str:
    """What items get in their first days, beside what chance would give them."""
    with style():
        drawing, axes = canvas(height=0.9 + 0.4 * len(policies))
        names = list(policies)
        axes.barh(range(len(names)), [policies[name].new_items.share for name in names], color=[COLOURS[name] for name in names], height=0.6)
        axes.axvline(policies[names[0]].new_items.catalogue_share, color=INK, alpha=0.5, linewidth=0.8, linestyle="--")
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlabel("share of the impressions (dashed: of the catalogue)")
        return svg(drawing, "Share of the impressions that new items get, by policy")


def _finish(axes: Axes, x_label: str, y_label: str) -> None:
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_ylim(bottom=0)
    axes.grid(color=INK, alpha=0.12, linewidth=0.6)
    axes.legend()
