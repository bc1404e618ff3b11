"""`homefeed evaluate`: the reported models on the test side, stage by stage and as the feed a visitor would have been served."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from homefeed.artifacts.checkpoint import DEEPFM, POINTWISE, Checkpoint, read_checkpoint, refuse_if_it_saw_the_test_side, reported
from homefeed.artifacts.dataset_meta import DatasetMeta
from homefeed.artifacts.processed import read_dataset
from homefeed.bootstrap.declared_value import with_declared_value
from homefeed.bootstrap.jobs import user_tag_slots
from homefeed.bootstrap.measure import LIST_SIZE, recall_lists
from homefeed.bootstrap.measure_orders import measure_orders
from homefeed.config import Config
from homefeed.core.progress import Progress
from homefeed.evaluation.baselines import run_baselines
from homefeed.evaluation.baselines.names import SIMPLE, baselines_named
from homefeed.evaluation.evaluate import Ours, evaluate
from homefeed.evaluation.protocol import protocol_of
from homefeed.evaluation.saved import save_report
from homefeed.evaluation.served import served_slates
from homefeed.evaluation.table import say_report
from homefeed.recall.release import MEASURED, draft_release
from homefeed.training.rank_deepfm import predict

SLATE_SIZE = 10
BASELINE_SECONDS = 3600.0
"""A baseline that takes longer is reported as such."""


def evaluate_reported(config: Config, progress: Progress, baselines: str | None = None) -> None:
    """Print the report and save it as JSON and as a page under ``data/reports``.

    ``baselines``: those that run beside ours, ``all``, ``none``, or names with commas between; by default those that need no fit.
    Raises ``ConfigError`` for a name that is none, before anything is run.
    """
    names = chosen_baselines(baselines)
    dataset = read_dataset(config.paths.processed)
    recall, rank = (_measurable(config, name, dataset.meta) for name in (POINTWISE, DEEPFM))
    now, seed = datetime.now(UTC), config.train.seed
    draft = draft_release(dataset, recall, with_declared_value(rank, config.value), user_tag_slots(dataset, config), config.export, now, progress, MEASURED)
    protocol = protocol_of(dataset)
    slates = served_slates(draft.bundle, draft.user_lists(), protocol.users, SLATE_SIZE, progress)
    p_click = predict(rank.model, dataset, dataset.test)
    ours = Ours(recall_lists(dataset, recall, protocol, config.export), p_click, slates, measure_orders(dataset, rank, p_click))
    beside = run_baselines(names, dataset, protocol, LIST_SIZE, seed, BASELINE_SECONDS, progress)
    report = evaluate(dataset, ours, beside, np.random.default_rng(seed), now)
    say_report(report, progress)
    for path in save_report(report, config.paths.reports):
        progress.say(f"saved {path}")


def chosen_baselines(text: str | None) -> Sequence[str]:
    if text is None:
        return SIMPLE
    return () if text.strip().lower() == "none" else baselines_named([name for name in text.split(",") if name.strip()])


def _measurable(config: Config, name: str, meta: DatasetMeta) -> Checkpoint:
    checkpoint = read_checkpoint(config.paths.models, reported(name), meta)
    refuse_if_it_saw_the_test_side(checkpoint, reported(name), meta)
    return checkpoint
