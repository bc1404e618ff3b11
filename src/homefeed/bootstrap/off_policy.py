"""`homefeed evaluate --off-policy`: other policies' click rates from a log with propensities."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from homefeed.artifacts.checkpoint import DEEPFM, POINTWISE, read_checkpoint, refuse_if_it_saw_the_test_side, reported
from homefeed.artifacts.processed import Interactions, ProcessedDataset, read_dataset
from homefeed.bootstrap.declared_value import with_declared_value
from homefeed.bootstrap.jobs import user_tag_slots
from homefeed.config import Config
from homefeed.core.columns import IID, POSITION, PROPENSITY, UID
from homefeed.core.errors import InputError
from homefeed.core.progress import Progress
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.raw_logs import LOG_FILE, read_log
from homefeed.etl.reading import Reading
from homefeed.evaluation.off_policy.evaluate import Reference, evaluate_policies
from homefeed.evaluation.off_policy.feed import feed_policy, scored_slates, softened_feed_policy
from homefeed.evaluation.off_policy.logged import LoggedRows, logged_rows
from homefeed.evaluation.off_policy.other_log import own_mean, refuse_other_positions
from homefeed.evaluation.off_policy.policy import Policy, fixed_list_policy, policy_of_log, uniform_policy
from homefeed.evaluation.off_policy.report import OffPolicyReport, save_report, say_report
from homefeed.recall.release import MEASURED, draft_release

RANDOM, HOT, OTHER = "random", "hot", "the other log's policy"


def evaluate_off_policy(config: Config, progress: Progress, against: Path | None = None) -> bool:
    """Print the report and save it under ``data/reports``; whether the log could answer anything.

    Without ``against`` the served feed, random and hot on the test side, by the reported models. With it (a folder that holds another ``shop.dat``, or that
    file) the policy of that log, on all rows, compared with what it earned there. Raises ``InputError`` for logs that cannot be used.
    """
    dataset = read_dataset(config.paths.processed)
    rng, now = np.random.default_rng(config.train.seed), datetime.now(UTC)
    report = _of_this_shop(dataset, config, rng, now, progress) if against is None else _of_other_log(dataset, config, against, rng, now, progress)
    say_report(report, progress)
    progress.say(f"saved {save_report(report, config.paths.reports)}")
    return report.answers


def _of_this_shop(dataset: ProcessedDataset, config: Config, rng: np.random.Generator, now: datetime, progress: Progress) -> OffPolicyReport:
    rows = logged_rows(dataset.test, len(dataset.items))
    policies = [*_feed(dataset, config, rows, rng, now, progress), *_simple(dataset, rows)]
    return evaluate_policies(rows, policies, dataset.users, dataset.items, rng, now, progress)


def _feed(dataset: ProcessedDataset, config: Config, rows: LoggedRows, rng: np.random.Generator, now: datetime, progress: Progress) -> list[Policy]:
    """The release that the reported models would make: nothing in it has seen these rows."""
    recall, rank = (read_checkpoint(config.paths.models, reported(name), dataset.meta) for name in (POINTWISE, DEEPFM))
    for name, checkpoint in ((POINTWISE, recall), (DEEPFM, rank)):
        refuse_if_it_saw_the_test_side(checkpoint, reported(name), dataset.meta)
    draft = draft_release(dataset, recall, with_declared_value(rank, config.value), user_tag_slots(dataset, config), config.export, now, progress, MEASURED)
    slates = scored_slates(draft.bundle, draft.user_lists(), np.unique(rows.user), progress)
    return [feed_policy(rows, slates), softened_feed_policy(rows, slates, rng)]


def _simple(dataset: ProcessedDataset, rows: LoggedRows) -> list[Policy]:
    facts = dataset.facts
    on_sale = np.flatnonzero(facts.available)
    hottest = on_sale[np.argsort(-facts.hotness_split[on_sale], kind="stable")]
    return [uniform_policy(rows, on_sale, RANDOM), fixed_list_policy(rows, hottest, HOT, "the k-th hottest item at the split at position k, for everybody")]


def _of_other_log(dataset: ProcessedDataset, config: Config, against: Path, rng: np.random.Generator, now: datetime, progress: Progress) -> OffPolicyReport:
    rows = logged_rows(Interactions.concatenate([dataset.train, dataset.test]), len(dataset.items))
    other = _read_other(dataset, config, against, now)
    refuse_other_positions(rows, other, against)
    policy = policy_of_log(rows, other, len(dataset.items), OTHER)
    return evaluate_policies(rows, [policy], dataset.users, dataset.items, rng, now, progress, Reference("its own mean", own_mean(rows, other)))


def _read_other(dataset: ProcessedDataset, config: Config, against: Path, now: datetime) -> LoggedRows:
    """The other log in this shop's items: one that this shop does not know is 0 in the end. Its users are numbered anew."""
    folder = against.parent if against.is_file() and against.name.startswith(LOG_FILE) else against
    if not folder.is_dir():
        raise InputError(f"{against} is no folder and no {LOG_FILE}", expected=f"the folder of another log's {LOG_FILE}", next_step="Name it: --against FOLDER")
    with tempfile.TemporaryDirectory() as work:
        log = read_log(folder, config.shop_schema(), Reading.at(now, Path(work), config.etl.separator))
        (frame,) = engine.collect(log.rows)
    names = frame[IID].unique().sort().to_list()
    rows = {name: row for row, name in enumerate(dataset.items.ids) if row}
    rows |= {name: len(dataset.items) + n for n, name in enumerate(name for name in names if name not in rows)}
    logged = logged_rows(_as_interactions(frame, rows), len(dataset.items) + len(names))
    return replace(logged, item=np.where(logged.item < len(dataset.items), logged.item, 0))


def _as_interactions(frame: pl.DataFrame, item_rows: dict[str, int]) -> Interactions:
    ones = np.ones(len(frame), np.float32)
    return Interactions(
        ts_us=frame["ts_us"].to_numpy(),
        user=frame[UID].rank("dense").to_numpy().astype(np.int32),
        item=frame[IID].replace_strict(item_rows, return_dtype=pl.Int32).to_numpy(),
        label=frame["label"].to_numpy().astype(np.float32),
        weight=ones,
        hotness=ones,
        drawn=np.zeros(len(frame), np.bool_),
        position=frame[POSITION].fill_null(0).to_numpy().astype(np.int32) if POSITION in frame.columns else None,
        propensity=frame[PROPENSITY].fill_null(float("nan")).to_numpy() if PROPENSITY in frame.columns else None,
    )
