"""``python -m benchmarks.quality --data FOLDER --set NAME``: how good the feed is on a set, beside every baseline, or on a simulated shop by its truth.

Everything happens in a temporary folder. The record goes to ``history/quality.jsonl``, the tables to ``quality.md``.
"""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from benchmarks.machine import Machine, busy, describe
from benchmarks.process import Cost, Workplace
from benchmarks.quality_page import PAGE, render
from benchmarks.quality_record import HISTORY, QualityRecord, append, newest
from benchmarks.quality_runs import evaluation_run, shop_run, stage_figures
from benchmarks.store import wait_for_store
from homefeed.core.errors import HomefeedError
from homefeed.evaluation.baselines.names import baselines_named


def main() -> int:
    """Exit code 0: measured, 1: something that was measured failed."""
    given = _arguments().parse_args()
    signal.signal(signal.SIGTERM, _leave)  # so that what was started is ended
    machine = describe(datetime.now(UTC))
    if note := busy(machine):
        print(note)
    try:
        if not given.render:
            append(_record(given, machine))
            print(f"kept in {HISTORY}")
        render(newest())
    except HomefeedError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    print(f"tables in {PAGE.name}")
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description="How good the feed is, beside what a team would pick instead.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set", help="the folder's name under --data: shop.dat and the feature files, gzipped or not")
    what.add_argument("--render", action="store_true", help="measure nothing, make the tables again from the records")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the sets (default: this one)")
    parser.add_argument("--split", choices=["global", "per-user"], default="global", help="how train and test are parted (default: global)")
    parser.add_argument("--baselines", default="all", help="names with commas between, or all (default)")
    parser.add_argument("--sample-negatives", type=int, default=0, help="items drawn as 0 rows for each click, for a log of clicks alone")
    parser.add_argument("--shop", action="store_true", help="a simulated shop with truth.npz: the default release, judged by its truth")
    return parser


def _record(given: argparse.Namespace, machine: Machine) -> QualityRecord:
    names, folder = baselines_named(given.baselines.split(",")), given.data / given.set
    with TemporaryDirectory(prefix="homefeed-quality-") as temporary:
        place = Workplace(Path(temporary))
        try:
            if given.shop:
                costs, shop = shop_run(place, folder)
                return QualityRecord("shop", given.set, _command(given), machine, _seconds(costs), _peaks(costs), shop=shop)
            done = evaluation_run(place, folder, given.split, names, given.sample_negatives)
        finally:
            wait_for_store(place)
    report = done.report
    return QualityRecord(
        "evaluation",
        given.set,
        _command(given),
        machine,
        _seconds(done.costs),
        _peaks(done.costs),
        dataset=report.dataset,
        stages=stage_figures(report),
        baselines=report.baselines,
        calibration=report.rank.calibration,
    )


def _command(given: argparse.Namespace) -> str:
    """As one would type it; the folder of the sets is everybody's own."""
    words = ["python -m benchmarks.quality --data FOLDER --set", given.set]
    if given.shop:
        return " ".join([*words, "--shop"])
    words += ["--split", given.split] if given.split != "global" else []
    words += ["--sample-negatives", str(given.sample_negatives)] if given.sample_negatives else []
    words += ["--baselines", f'"{given.baselines}"'] if given.baselines != "all" else []
    return " ".join(words)


def _seconds(costs: dict[str, Cost]) -> dict[str, float]:
    return {step: round(cost.wall_seconds, 1) for step, cost in costs.items()}


def _peaks(costs: dict[str, Cost]) -> dict[str, int]:
    return {step: cost.peak_bytes for step, cost in costs.items()}


def _leave(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
