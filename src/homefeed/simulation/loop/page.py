"""The closed loop as one HTML page that needs nothing but itself."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from homefeed.metrics.intervals import Interval
from homefeed.simulation.loop.plots import day_plot, lorenz_plot, new_items_plot, regret_plot
from homefeed.simulation.loop.policy import BEST, HOT, ORIGINAL, OURS, RANDOM
from homefeed.simulation.loop.report import LoopReport, PolicyFigures

_POLICIES = {
    RANDOM: "any launched item",
    HOT: "one list for everybody: the hottest items of its own log",
    ORIGINAL: "the recipe of the contract's first implementation: DSSM on sampled negatives, 80 of its items and 20 hot ones, a plain DeepFM on top",
    OURS: "homefeed: etl, both models and the serving pipeline, trained on its own log",
    BEST: "the most probable clicks by the truth, which only the simulator knows",
}


def render_page(report: LoopReport) -> str:
    environment = Environment(
        loader=PackageLoader("homefeed.simulation.loop"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "span": _span, "verdict": _verdict, "rate": _rate}
    policies = report.policies
    return environment.get_template("loop.html").render(
        report=report,
        days=next(iter(policies.values())).days,
        headline=_headline(policies),
        by_day=_drawn(day_plot(policies, lambda day: day.ctr, "clicks per impression"), day_plot(policies, lambda day: day.closed, "share of the gap closed")),
        orders=_drawn(day_plot(policies, lambda day: day.cvr, "orders per click"), regret_plot(policies)),
        catalogue=_drawn(lorenz_plot(policies), new_items_plot(policies)),
        meaning=_POLICIES,
        ours=OURS,
    )


def _headline(policies: dict[str, PolicyFigures]) -> str:
    """What the policy that matters most does to the gap."""
    played = [name for name in (OURS, ORIGINAL, HOT) if name in policies]
    if not played:
        return f"The best possible slates are clicked {policies[BEST].ctr.mean:.1%} of the time, random ones {policies[RANDOM].ctr.mean:.1%}."
    closed = policies[played[0]].closed
    others = [f"`{name}` {policies[name].closed.mean:.0%}" for name in played[1:]]
    beside = f"; {', '.join(others)}" if others else ""
    return (
        f"Of the gap between random slates and the best possible ones, `{played[0]}` closes {closed.mean:.0%} ({closed.low:.0%} to {closed.high:.0%}){beside}."
    )


def _drawn(*plots: str) -> tuple[Markup, ...]:
    return tuple(Markup(plot) for plot in plots)  # noqa: S704 - drawn here, from numbers and names of policies


def _number(figure: Interval, digits: int = 4) -> str:
    return f"{figure.mean:.{digits}f}"


def _span(figure: Interval, digits: int = 4) -> str:
    return f"{figure.low:.{digits}f} to {figure.high:.{digits}f}"


def _rate(figure: float | None) -> str:
    return "none" if figure is None else f"{figure:.4f}"


def _verdict(figure: Interval) -> str:
    """Class of a difference: better, worse or open."""
    return "better" if figure.low > 0 else "worse" if figure.high < 0 else "open"
