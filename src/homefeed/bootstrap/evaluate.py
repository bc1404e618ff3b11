"""`homefeed evaluate`: the reported models on the test side, stage by stage and as the feed a visitor would have been served."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from homefeed.artifacts.checkpoint import DEEPFM, POINTWISE, Checkpoint, read_checkpoint, refuse_if_it_saw_the_test_side, reported
from homefeed.artifacts.dataset_meta import DatasetMeta
from homefeed.artifacts.processed import read_dataset
from homefeed.bootstrap.jobs import user_tag_slots
from homefeed.bootstrap.measure import recall_lists
from homefeed.config import Config
from homefeed.core.progress import Progress
from homefeed.evaluation.evaluate import evaluate
from homefeed.evaluation.protocol import protocol_of
from homefeed.evaluation.saved import save_report
from homefeed.evaluation.served import served_slates
from homefeed.evaluation.table import say_report
from homefeed.recall.release import draft_release
from homefeed.training.rank_deepfm import predict

SLATE_SIZE = 10


def evaluate_reported(config: Config, progress: Progress) -> None:
    """Print the report and save it as JSON and as a page under ``data/reports``."""
    dataset = read_dataset(config.paths.processed)
    recall, rank = (_measurable(config, name, dataset.meta) for name in (POINTWISE, DEEPFM))
    now = datetime.now(UTC)
    draft = draft_release(dataset, recall, rank, user_tag_slots(dataset, config), config.export, now, progress)
    protocol = protocol_of(dataset)
    slates = served_slates(draft.bundle, draft.user_lists(), protocol.users, SLATE_SIZE, progress)
    lists = recall_lists(dataset, recall.model, protocol)
    report = evaluate(dataset, lists, predict(rank.model, dataset, dataset.test), slates, np.random.default_rng(config.train.seed), now)
    say_report(report, progress)
    for path in save_report(report, config.paths.reports):
        progress.say(f"saved {path}")


def _measurable(config: Config, name: str, meta: DatasetMeta) -> Checkpoint:
    checkpoint = read_checkpoint(config.paths.models, reported(name), meta)
    refuse_if_it_saw_the_test_side(checkpoint, reported(name), meta)
    return checkpoint
