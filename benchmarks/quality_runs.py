"""The two kinds of run: the reported models on a real set's test side beside the baselines, and the served feed of a simulated shop by its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.api import running_api
from benchmarks.process import Cost, Workplace, homefeed, run
from benchmarks.quality_record import ShopFigures, StageFigures
from benchmarks.quality_sets import TRUTH, bring
from benchmarks.quality_truth import judge_api, read_truth
from homefeed.config import PathsConfig, RedisConfig
from homefeed.evaluation.report import EvaluationReport, StageReport
from homefeed.evaluation.saved import JSON_NAME
from homefeed.store.location import StoreLocation, write_store_file

SEGMENTS = ("all", "warm", "cold")
KEPT = {
    "recall": ("recall_at_10", "recall_at_50", "ndcg_at_10", "coverage_at_10", "coverage_at_100"),
    "slate": ("ndcg_at_10", "recall_at_10", "hit_rate_at_10", "mrr_at_10", "coverage_at_10"),
    "rank": ("auc", "gauc", "log_loss", "calibration_error"),
}


@dataclass(frozen=True, slots=True)
class Evaluated:
    costs: dict[str, Cost]
    report: EvaluationReport


def evaluation_run(place: Workplace, folder: Path, split: str, baselines: Sequence[str], negatives: int) -> Evaluated:
    """ETL and training of models that know the train side alone, then ``homefeed evaluate`` with ``baselines``."""
    bring(place, folder)
    etl = ["--split", split, *(["--sample-negatives", str(negatives)] if negatives else [])]
    costs = {"run": _step(place, "run", "run", "--no-refit", "--no-export", *etl)}
    costs["evaluate"] = _step(place, "evaluate", "evaluate", "--baselines", ",".join(baselines))
    report = (PathsConfig(data=place.data).reports / JSON_NAME).read_text(encoding="utf-8")
    return Evaluated(costs, EvaluationReport.from_json(report))


def shop_run(place: Workplace, folder: Path, k: int = 10) -> tuple[dict[str, Cost], tuple[ShopFigures, ...]]:
    """The default ``homefeed run``, fitted on the whole log; its API's slates by the day after. A Redis at the default address is left alone."""
    truth = read_truth(folder / TRUTH)
    bring(place, folder)
    paths = PathsConfig(data=place.data)
    write_store_file(paths.store_file, StoreLocation("embedded", RedisConfig().db, folder=paths.embedded_store))
    costs = {"run": _step(place, "run", "run")}
    with running_api(place) as api:
        return costs, judge_api(f"http://127.0.0.1:{api.port}", truth, k)


def stage_figures(report: EvaluationReport) -> tuple[StageFigures, ...]:
    """Of a report what is kept: the usual metrics of all users, and of warm and cold ones where there are both."""
    return tuple(figures for stage in (report.recall, report.rank, report.slate) for figures in _of_stage(stage))


def _of_stage(stage: StageReport) -> list[StageFigures]:
    kept = [_kept(stage, name) for name in SEGMENTS if any(s.name == name and s.figures for s in stage.segments)]
    return [figures for figures in kept if figures.segment == SEGMENTS[0] or figures.users < kept[0].users]


def _kept(stage: StageReport, name: str) -> StageFigures:
    segment = stage.segment(name)
    figures = {who: {m: row[m] for m in KEPT[stage.stage] if m in row} for who, row in segment.figures.items()}
    ahead = {who: row[stage.lead] for who, row in segment.ahead.items() if stage.lead in row}
    return StageFigures(stage.stage, name, segment.users, stage.ours, stage.lead, segment.best, figures, ahead)


def _step(place: Workplace, name: str, *words: str) -> Cost:
    print(name, end=" ", flush=True)
    cost = run(place, name, homefeed(*words))
    print(f"{cost.wall_seconds:.0f} s", flush=True)
    return cost
