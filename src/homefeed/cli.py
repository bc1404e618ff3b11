"""The command line. Every command is one function of ``bootstrap``, imported when it is run: `serve` must not wait for torch."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from homefeed import __version__
from homefeed.bootstrap.settings import load_config, redis_named, unknown_variables
from homefeed.config import Config
from homefeed.console import ConsoleProgress
from homefeed.core.errors import HomefeedError

Function = Callable[..., Any]

SETTINGS: dict[str, tuple[str, Any, str]] = {
    "paths.data": ("--data", click.Path(path_type=Path), "folder of raw_data/, processed/, releases/ (default: data)"),
    "paths.models": ("--models", click.Path(path_type=Path), "folder of the checkpoints (default: src/models/saved)"),
    "redis.host": ("--host", str, "host of Redis (RECSYS_REDIS_HOST)"),
    "redis.port": ("--port", int, "port of Redis (RECSYS_REDIS_PORT)"),
    "redis.db": ("--db", int, "database of Redis (RECSYS_REDIS_DB, default: 1)"),
    "api.host": ("--api-host", str, "address to listen on (RECSYS_API_HOST)"),
    "api.port": ("--api-port", int, "port to listen on (RECSYS_API_PORT)"),
    "etl.separator": ("--separator", click.Choice([",", "|", "tab"]), "separator of the raw files, where detecting it fails"),
    "etl.split": ("--split", click.Choice(["global", "per-user"]), "how train and test are parted (default: global)"),
    "etl.sample_negatives": ("--sample-negatives", int, "items drawn as 0 rows for each click, for a log of clicks alone (default: 0)"),
}
TRAINING_PACKAGES = frozenset({"torch", "polars", "narwhals", "sklearn", "scipy", "matplotlib", "jinja2", "zstandard"})
"""The extra `train`."""
PATHS, REDIS, API, ETL = (tuple(key for key in SETTINGS if key.startswith(f"{section}.")) for section in ("paths", "redis", "api", "etl"))

adopt = click.option("--adopt", is_flag=True, help="Take over a database whose lists another system, or another feature map, wrote.")
no_refit = click.option("--no-refit", is_flag=True, help="Serve the reported models: a release that knows nothing after the split.")
new_map = click.option("--new-map", is_flag=True, help="Forget the feature map and start a new one: another shop's data.")


@dataclass(frozen=True, slots=True)
class Settings:
    """What every command starts from."""

    config: Config
    redis_named: bool
    progress: ConsoleProgress


def main() -> NoReturn:
    run_command(cli)


def run_command(command: click.Command, first: Sequence[str] = ()) -> NoReturn:
    """Run a command with ``first`` and then this process's arguments. Exit code 0: done, 1: failed with one clear message, 2: wrong usage."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: threads that spin made a busy machine nine times slower
    try:
        sys.exit(command.main([*first, *sys.argv[1:]], standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except HomefeedError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name not in TRAINING_PACKAGES:
            raise
        click.echo(f"Error: This command needs {error.name}, which the API does without. Install what it needs: pip install '.[train]'", err=True)
        sys.exit(1)
    except OSError as error:  # a folder that is a file or may not be written, a full disk
        click.echo(f"Error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)


def settings(*keys: str) -> Callable[[Function], Function]:
    """Gives a command the flags of these settings, and ``Settings`` as its first argument."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(config: Path | None, **flags: Any) -> Any:
            overrides = {key: flags.pop(_parameter(key)) for key in (*PATHS, *keys)}
            return function(_load(config, {key: value for key, value in overrides.items() if value is not None}), **flags)

        for key in reversed((*PATHS, *keys)):
            flag, kind, text = SETTINGS[key]
            command = click.option(flag, _parameter(key), type=kind, help=text)(command)
        return click.option("--config", type=click.Path(path_type=Path), help="TOML file (default: homefeed.toml, where there is one)")(command)

    return decorate


def _parameter(key: str) -> str:
    return key.replace(".", "_")


def _load(toml: Path | None, overrides: dict[str, Any]) -> Settings:
    config = load_config(toml, os.environ, overrides)
    for line in unknown_variables(os.environ):
        click.echo(f"Warning: {line}", err=True)
    return Settings(config, redis_named(os.environ, overrides), ConsoleProgress(Console()))


@click.group()
@click.version_option(__version__)
def cli() -> None:
    """From a shop's logs to a live, personalised home feed."""


@cli.command()
@click.option("--serve/--no-serve", default=True, help="Go on serving after printing (default), or stop.")
@click.option("--api-port", type=int, help="port to listen on (default: 8000, or a free one)")
def demo(serve: bool, api_port: int | None) -> None:
    """A made-up shop, from its logs to a live feed, under data/demo."""
    from homefeed.bootstrap.demo import demo as run_demo

    folder = Path("data/demo")
    paths = {"data": folder, "models": folder / "models"}
    config = Config.model_validate({"paths": paths, "api": {"port": api_port} if api_port is not None else {}})
    run_demo(config, ConsoleProgress(Console()), serve=serve)


@cli.command()
@settings(*REDIS, *ETL)
@new_map
@no_refit
@adopt
@click.option("--no-export", is_flag=True, help="Stop before the export.")
def run(given: Settings, new_map: bool, no_refit: bool, adopt: bool, no_export: bool) -> None:
    """All steps: etl, train recall, train rank, export."""
    from homefeed.bootstrap import jobs

    location = None if no_export else jobs.export_location(given.config, given.redis_named)
    jobs.run(given.config, given.progress, location, new_map=new_map, refit=not no_refit, adopt=adopt)


@cli.command()
@settings(*ETL)
@new_map
def etl(given: Settings, new_map: bool) -> None:
    """Raw logs to processed tables: feature map, split, hotness."""
    from homefeed.bootstrap import jobs

    jobs.etl(given.config, given.progress, new_map=new_map)


@cli.command()
@settings(*ETL)
def validate(given: Settings) -> int:
    """Look at the raw files, run nothing. Exit code 1: `etl` would not run."""
    from homefeed.bootstrap.validate import say_validation

    return 0 if say_validation(given.config, given.progress, datetime.now(UTC)) else 1


@cli.group()
def train() -> None:
    """Fit the recall model or the ranker on the processed tables."""


@train.command("recall")
@settings()
@click.option("--objective", type=click.Choice(["pointwise", "inbatch"]), default="pointwise", help="BCE with negatives, or in-batch softmax.")
@no_refit
def train_recall(given: Settings, objective: Any, no_refit: bool) -> None:
    """Fit the two towers (DSSM)."""
    from homefeed.bootstrap import jobs

    jobs.train_recall_model(given.config, given.progress, objective=objective, refit=not no_refit)


@train.command("rank")
@settings()
@no_refit
def train_rank(given: Settings, no_refit: bool) -> None:
    """Fit the ranker (DeepFM)."""
    from homefeed.bootstrap import jobs

    jobs.train_rank_model(given.config, given.progress, refit=not no_refit)


@cli.command()
@settings(*REDIS)
@click.option("--rollback", is_flag=True, help="Bring the release before back instead.")
@adopt
def export(given: Settings, rollback: bool, adopt: bool) -> None:
    """Publish lists and models as a new release."""
    if rollback:
        from homefeed.bootstrap.rollback import rollback as roll_back

        roll_back(given.config, given.progress, redis_named=given.redis_named)
    else:
        from homefeed.bootstrap import jobs

        jobs.export(given.config, given.progress, jobs.export_location(given.config, given.redis_named), adopt=adopt)


@cli.command()
@settings(*REDIS, *API)
def serve(given: Settings) -> None:
    """The HTTP API."""
    from homefeed.bootstrap.serve import run_server

    run_server(given.config, given.redis_named)


@cli.command()
@settings()
@click.option("--baselines", default=None, help="What runs beside ours: all, none, or names with commas (default: random,popularity,hotness).")
@click.option("--off-policy", is_flag=True, help="Estimate other policies' click rates from a log with propensities. Exit code 1: it can tell none.")
@click.option("--against", type=click.Path(path_type=Path), help="with --off-policy: the folder of another policy's shop.dat, whose click rate is to be told")
def evaluate(given: Settings, baselines: str | None, off_policy: bool, against: Path | None) -> int:
    """Measure the reported models and the feed they make, on the test side."""
    if off_policy:
        from homefeed.bootstrap.off_policy import evaluate_off_policy

        return 0 if evaluate_off_policy(given.config, given.progress, against) else 1
    if against:
        raise click.UsageError("--against is for --off-policy")
    from homefeed.bootstrap.evaluate import evaluate_reported

    evaluate_reported(given.config, given.progress, baselines)
    return 0


@cli.command("leak-check")
@settings()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def leak_check(given: Settings, as_json: bool) -> int:
    """Look for what would make figures flatter. Exit code 1: something was found."""
    from homefeed.bootstrap.leak_check import check_shop, say_leaks
    from homefeed.core.progress import Silent

    report = check_shop(given.config, Silent() if as_json else given.progress)
    if as_json:
        click.echo(report.to_json())
    else:
        say_leaks(report, given.progress)
    return 1 if report.leaks else 0


@cli.command()
@click.option("--preset", default="base", help="a named shop: base, sparse, drift, position-bias, session-taste, personal-taste (default: base)")
@click.option("--seed", type=click.IntRange(0, 2**31), default=7, help="all randomness of the shop starts here (default: 7)")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder to write into")
@click.option("--settings", "toml", type=click.Path(path_type=Path), help="TOML file with knobs of the simulator (docs/simulation.md)")
@click.option("--set", "knobs", multiple=True, metavar="SECTION.KNOB=VALUE", help="one knob; may be repeated")
@click.option("--closed-loop", is_flag=True, help="Let policies play day after day instead of writing raw files.")
@click.option("--days", type=click.IntRange(1, 365), default=10, help="days of the closed loop (default: 10)")
@click.option("--policies", default="random,hot,best", help="random, hot, original, ours, best (default: random,hot,best)")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with the settings of the pipeline that `ours` runs")
def simulate(
    preset: str, seed: int, out: Path, toml: Path | None, knobs: tuple[str, ...], closed_loop: bool, days: int, policies: str, config: Path | None
) -> None:
    """A made-up shop with a known truth: raw files, or closed loops of several policies."""
    from homefeed.bootstrap.simulate import simulate_files, simulate_loop
    from homefeed.bootstrap.simulation_settings import simulation_settings

    given, progress = simulation_settings(preset, toml, knobs), ConsoleProgress(Console())
    if closed_loop:
        names = [name.strip() for name in policies.split(",") if name.strip()]
        simulate_loop(given, preset, seed, out, progress, days=days, policies=names, config=load_config(config, {}, {}) if config else Config())
    else:
        simulate_files(given, preset, seed, out, progress)


@cli.command()
@settings(*REDIS)
def status(given: Settings) -> int:
    """What is live and how old it is. Exit code 1 when nothing is."""
    from homefeed.bootstrap.status import say_status

    return 0 if say_status(given.config, given.progress, datetime.now(UTC), redis_named=given.redis_named) else 1
