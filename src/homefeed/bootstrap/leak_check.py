"""`homefeed leak-check`: what could make the reported figures flatter, looked for in the artefacts themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.checkpoint import DEEPFM, INBATCH, POINTWISE, Checkpoint, checkpoint_path, read_checkpoint, reported
from homefeed.artifacts.processed import ProcessedDataset, read_dataset
from homefeed.artifacts.processed_writer import read_feature_map
from homefeed.bootstrap.measure import measure_rank, measure_recall
from homefeed.config import Config
from homefeed.core.progress import Progress, Silent
from homefeed.evaluation.leaks.check import Evidence, ReportedModel, check_leaks
from homefeed.evaluation.leaks.findings import LeakReport
from homefeed.training.rank_deepfm import predict, train_rank


def check_shop(config: Config, progress: Progress) -> LeakReport:
    """Raises ``ArtifactError`` where there is no processed data, or a checkpoint that is there cannot be read."""
    dataset = read_dataset(config.paths.processed)
    models = list(_models(config, dataset))
    absent = [reported(name) for name in (POINTWISE, DEEPFM) if not _path(config, reported(name)).exists()]
    missing = {name: f"there is no {_path(config, name)}; train it to have it looked at" for name in absent}
    evidence = Evidence(dataset, _slot_names(config.paths.processed), models, missing, _quick_ranker(config))
    return check_leaks(evidence, np.random.default_rng(config.train.seed), progress)


def say_leaks(report: LeakReport, progress: Progress) -> None:
    for line in report.lines():
        progress.say(line)


def _models(config: Config, dataset: ProcessedDataset) -> Iterator[ReportedModel]:
    for name in (POINTWISE, INBATCH, DEEPFM):
        if _path(config, reported(name)).exists():
            checkpoint = read_checkpoint(config.paths.models, reported(name), dataset.meta)
            served = read_checkpoint(config.paths.models, name, dataset.meta) if _path(config, name).exists() else None
            yield ReportedModel(reported(name), checkpoint, served, _measure(name, config, dataset, checkpoint))


def _measure(name: str, config: Config, dataset: ProcessedDataset, checkpoint: Checkpoint) -> Callable[[], dict[str, float]]:
    if name == DEEPFM:
        return lambda: measure_rank(dataset, checkpoint, Silent())
    return lambda: measure_recall(dataset, checkpoint, config.export, Silent())


def _quick_ranker(config: Config) -> Callable[[ProcessedDataset, int], npt.NDArray[np.float32]]:
    """The shop's own ranker and trainer, for one epoch."""

    def fit(dataset: ProcessedDataset, seed: int) -> npt.NDArray[np.float32]:
        rank = config.rank.model_copy(update={"max_epochs": 1})
        fitted = train_rank(dataset, rank, config.train.model_copy(update={"seed": seed}), refit=False, progress=Silent())
        return predict(fitted.reported.model, dataset, dataset.test)

    return fit


def _slot_names(folder: Path) -> list[str]:
    """``field=value`` by slot."""
    known = read_feature_map(folder)
    entries = known[1].sort("slot").select("field", "value").rows() if known else []
    return ["", *(f"{field}={value}" for field, value in entries)]


def _path(config: Config, name: str) -> Path:
    return checkpoint_path(config.paths.models, name)
