"""The nightly path, step by step: raw logs, processed tables, checkpoints, release. Each function is one command."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.artifacts.checkpoint import DEEPFM, POINTWISE, checkpoint_path, read_checkpoint, reported, write_checkpoint
from homefeed.artifacts.dataset_meta import read_meta
from homefeed.artifacts.processed import ProcessedDataset, read_dataset, read_tag_slots
from homefeed.artifacts.release_folder import prune_bundles, write_live
from homefeed.artifacts.validation_lists import read_validation_lists, write_validation_lists
from homefeed.bootstrap.declared_value import with_declared_value
from homefeed.bootstrap.measure import Figures, measure_rank, measure_recall
from homefeed.config import Config
from homefeed.core.columns import categories, multis
from homefeed.core.progress import Progress
from homefeed.core.release import REQUEST, Release
from homefeed.etl.pipeline import run_etl
from homefeed.evaluation.calibration_drift import calibration_drift
from homefeed.recall.release import ReleaseDraft, draft_release
from homefeed.store.connection import connect
from homefeed.store.location import StoreLocation, read_store_file, resolve_store_for_export, write_store_file
from homefeed.training.rank_deepfm import train_rank
from homefeed.training.recall_dssm import train_recall
from homefeed.training.recall_objectives import Objective
from homefeed.training.three_fits import Fitted, with_metrics

STORE_TIMEOUT_SECONDS = 30.0
"""An export waits for its writes; the request path's deadline is another one."""


def etl(config: Config, progress: Progress, *, new_map: bool = False) -> None:
    run_etl(config, progress=progress, now=datetime.now(UTC), new_map=new_map)


def train_recall_model(config: Config, progress: Progress, *, objective: Objective, refit: bool) -> None:
    dataset = read_dataset(config.paths.processed)
    fitted = train_recall(dataset, objective, config.recall, config.train, refit=refit, progress=progress)
    if fitted.validation_lists:
        write_validation_lists(config.paths.models, f"dssm_{objective}", fitted.validation_lists, dataset.meta)
    _keep(f"dssm_{objective}", fitted, measure_recall(dataset, fitted.reported, config.export, progress), config.paths.models, progress)


def train_rank_model(config: Config, progress: Progress, *, refit: bool) -> None:
    dataset = read_dataset(config.paths.processed)
    lists = read_validation_lists(config.paths.models, POINTWISE, dataset.meta)
    if lists is None:
        progress.say("slates will be sorted by pCTR alone: there are no lists of this split to weigh it against. Make them first: homefeed train recall")
    fitted = train_rank(dataset, config.rank, config.train, refit=refit, progress=progress, lists=lists)
    _keep(DEEPFM, fitted, measure_rank(dataset, fitted.reported, progress), config.paths.models, progress)


def export_location(config: Config, redis_named: bool) -> StoreLocation:
    """Where an export goes: what was named, else the store of the last export, else the default address, else the embedded store."""
    return resolve_store_for_export(config.redis, redis_named, config.paths.store_file, config.paths.embedded_store)


def export(config: Config, progress: Progress, location: StoreLocation, *, adopt: bool = False) -> Release:
    """Publish a new release: its bundle is on disk before the store flips to it, and what is served stays as it was when anything fails."""
    progress.say(f"store: {location}, database {location.db}")
    dataset = read_dataset(config.paths.processed)
    with connect(location, STORE_TIMEOUT_SECONDS, config.redis) as store, closing(store.writer(dataset.meta.lineage.id, adopt=adopt)) as writer:
        writer.begin()
        drafted = _with_drift(draft(dataset, config, progress), dataset, config, progress)
        with progress.task("Lists to the store", drafted.n_lists, "users") as advance:
            writer.stage(drafted.bundle.release, drafted.user_lists(), drafted.hot(), advance)
        folder = write_bundle(config.paths.releases, drafted.bundle)
        writer.publish()
        release = drafted.bundle.release
        write_live(config.paths.releases, release.id)
        _remember(location, config.paths.store_file, progress)
        previous = store.releases().previous
        prune_bundles(config.paths.releases, config.export.keep_releases, [release.id, *([previous.id] if previous else [])])
    progress.say(f"release {release.id}: {release.counts['users']:,} users, {release.counts['items']:,} items; bundle in {folder}")
    if release.candidates == REQUEST:
        progress.say("no lists are written: the API finds candidates at request time (export.candidates)")
    return release


def _remember(location: StoreLocation, path: Path, progress: Progress) -> None:
    """Commands that name no store use this one from now on, which nobody should find out by himself."""
    before = read_store_file(path)
    if before and (before.kind, before.host, before.port, before.db) != (location.kind, location.host, location.port, location.db):
        progress.say(f"commands that name no store use {location}, database {location.db}, from now on; until now: {before}, database {before.db}")
    write_store_file(path, location)


def run(config: Config, progress: Progress, location: StoreLocation | None, *, new_map: bool = False, refit: bool = True, adopt: bool = False) -> None:
    """From raw logs to a live release at ``location`` (None: stop before the export), with the seconds of each step.

    Raises ``StoreError`` before the first step when the store will not take the release: nobody should learn that at the end of the night.
    """
    if location:
        meta = None if new_map else read_meta(config.paths.processed)
        with connect(location, STORE_TIMEOUT_SECONDS, config.redis) as store:
            store.check(meta.lineage.id if meta else None, adopt=adopt)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("etl", lambda: etl(config, progress, new_map=new_map)),
        ("train recall", lambda: train_recall_model(config, progress, objective="pointwise", refit=refit)),
        ("train rank", lambda: train_rank_model(config, progress, refit=refit)),
    ]
    if location:
        steps.append(("export", lambda: export(config, progress, location, adopt=adopt)))
    seconds = {name: _timed(name, step, progress) for name, step in steps}
    progress.say("seconds: " + ", ".join(f"{name} {s:.1f}" for name, s in seconds.items()) + f", in all {sum(seconds.values()):.1f}")


def _timed(name: str, step: Callable[[], object], progress: Progress) -> float:
    progress.say(f"== {name}")
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _keep(name: str, fitted: Fitted, figures: Figures, folder: Path, progress: Progress) -> None:
    fitted = with_metrics(fitted, figures)
    write_checkpoint(folder, reported(name), fitted.reported)
    path = write_checkpoint(folder, name, fitted.served)
    seen = "all rows" if fitted.served.rows_seen == "all" else "the train side alone"
    progress.say(f"saved {path} (has seen {seen}); the measured one is {checkpoint_path(folder, reported(name))}")


def draft(dataset: ProcessedDataset, config: Config, progress: Progress, release_id: str = "") -> ReleaseDraft:
    """The release that the saved models make, not yet written anywhere. ``release_id``: by default a new one."""
    recall = read_checkpoint(config.paths.models, POINTWISE, dataset.meta)
    rank = with_declared_value(read_checkpoint(config.paths.models, DEEPFM, dataset.meta), config.value)
    tag_slots = user_tag_slots(dataset, config)
    drafted = draft_release(dataset, recall, rank, tag_slots, config.export, datetime.now(UTC), progress, release_id)
    separators = {column.name: column.separator for column in multis(dataset.meta.schema.user)}
    return replace(drafted, bundle=replace(drafted.bundle, separators=separators))


def _with_drift(drafted: ReleaseDraft, dataset: ProcessedDataset, config: Config, progress: Progress) -> ReleaseDraft:
    """With what the served ranker says of the log's last day in its record; a warning is said where that is not what was clicked."""
    drift = calibration_drift(dataset, read_checkpoint(config.paths.models, DEEPFM, dataset.meta))
    if drift is None:
        return drafted
    if drift.is_told:
        progress.say(drift.warning())
    release = drafted.bundle.release
    record = replace(release, metrics={**release.metrics, "calibration": drift.figures()})
    return replace(drafted, bundle=replace(drafted.bundle, release=record))


def user_tag_slots(dataset: ProcessedDataset, config: Config) -> dict[str, dict[str, int]]:
    """Slots of every value of the users' tags, by field: what a guest's tags are read with."""
    schema = dataset.meta.schema
    fields = tuple(c.name for c in categories(schema.user)) + tuple(c.element_field for c in multis(schema.user))
    return read_tag_slots(config.paths.processed, fields)
