"""`homefeed simulate`: a made-up shop as raw files and their truth, or closed loops of several policies in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from homefeed.artifacts.disk import whole_file
from homefeed.config import Config
from homefeed.core.errors import ConfigError
from homefeed.core.progress import Progress
from homefeed.simulation.loop.figures import figures_of
from homefeed.simulation.loop.policy import BEST, HOT, ORIGINAL, OURS, RANDOM, BestPolicy, HotPolicy, Policy, RandomPolicy
from homefeed.simulation.loop.report import LoopReport
from homefeed.simulation.loop.run import for_loop, play
from homefeed.simulation.loop.saved import save_report
from homefeed.simulation.loop.table import say_report
from homefeed.simulation.shop.day_log import logged_days
from homefeed.simulation.shop.making import make_shop
from homefeed.simulation.shop.raw_files import write_raw_files
from homefeed.simulation.shop.settings import SimulationSettings
from homefeed.simulation.shop.shop import Shop
from homefeed.simulation.shop.truth import truth_of, write_truth

POLICIES = (RANDOM, HOT, ORIGINAL, OURS, BEST)
RAW_FOLDER, TRUTH, SETTINGS = "raw_data", "truth.npz", "simulation.json"


def simulate_files(settings: SimulationSettings, preset: str, seed: int, out: Path, progress: Progress) -> None:
    """The raw files in ``out/raw_data``, so that ``homefeed run --data OUT`` runs on them; the truth and the settings beside them."""
    shop = make_shop(settings.shop, seed)
    with progress.task("Log", settings.shop.lists * settings.shop.list_size, "impressions") as advance:
        days = []
        for day in logged_days(shop, settings.logging):
            days.append(day)
            advance(day.shown.size)
    write_raw_files(out / RAW_FOLDER, shop, days, settings.logging.columns, settings.shop.days)
    truth = truth_of(shop)
    write_truth(out / TRUTH, truth)
    with whole_file(out / SETTINGS) as fresh:
        fresh.write_text(json.dumps({"preset": preset, "seed": seed, **settings.model_dump()}, indent=1) + "\n", encoding="utf-8")
    clicks, orders = (sum(int(column.sum()) for column in of_days) for of_days in zip(*((d.response.click, d.response.order) for d in days), strict=True))
    shown = sum(day.shown.size for day in days)
    progress.say(f"saved {out / RAW_FOLDER}: {shown:,} impressions, {clicks:,} clicks ({clicks / shown:.3f}), {orders:,} orders")
    progress.say(f"saved {out / TRUTH}: click probabilities of {len(truth.uid)} users and {len(truth.iid):,} items on the day after the log, for judging alone")


def simulate_loop(
    settings: SimulationSettings, preset: str, seed: int, out: Path, progress: Progress, *, days: int, policies: Sequence[str], config: Config
) -> LoopReport:
    """Play ``policies`` for ``days``, print the figures and save them as JSON and as a page in ``out``; `random` and `best` are always among them.

    ``config``: of the pipeline that `ours` runs, but for its paths. Raises ``ConfigError`` for a policy that is none.
    """
    names = _known(policies)
    longer = for_loop(settings, days)
    shop = make_shop(longer.shop, seed)
    played = play(shop, longer, {name: _maker(name, shop, longer, config, out)() for name in names}, progress)
    figures = figures_of(shop, longer.loop, played, np.random.default_rng(seed))
    impressions = sum(log.shown.size for log in played[RANDOM].days)
    report = LoopReport(preset, seed, len(shop.user_ids), len(shop.item_ids), impressions, figures, longer.model_dump())
    say_report(report, progress)
    for path in save_report(report, out):
        progress.say(f"saved {path}")
    return report


def _known(policies: Sequence[str]) -> list[str]:
    strange = [name for name in policies if name not in POLICIES]
    if strange:
        raise ConfigError(f"There is no policy `{strange[0]}`", expected=", ".join(POLICIES))
    return [name for name in POLICIES if name in {*policies, RANDOM, BEST}]


def _maker(name: str, shop: Shop, settings: SimulationSettings, config: Config, out: Path) -> Callable[[], Policy]:
    """What needs torch is imported when it is asked for."""

    def original() -> Policy:
        from homefeed.simulation.loop.original import OriginalPolicy

        return OriginalPolicy(shop, settings.loop)

    def ours() -> Policy:
        from homefeed.bootstrap.simulated_nights import OursPolicy

        epochs = {"max_epochs": settings.loop.epochs}
        paths = config.paths.model_copy(update={"data": out / OURS, "models": out / OURS / "models"})
        recall, rank = config.recall.model_copy(update=epochs), config.rank.model_copy(update=epochs)
        return OursPolicy(shop, settings, config.model_copy(update={"paths": paths, "recall": recall, "rank": rank}))

    simple: dict[str, Callable[[], Policy]] = {RANDOM: lambda: RandomPolicy(shop), HOT: lambda: HotPolicy(shop, settings.loop), BEST: lambda: BestPolicy(shop)}
    return (simple | {ORIGINAL: original, OURS: ours})[name]
