"""`homefeed export --rollback`: the release before, live again. Reached without torch and without data frames, so that the API's machine can do it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from homefeed.artifacts.bundle_reader import read_bundle
from homefeed.artifacts.release_folder import write_live
from homefeed.config import Config
from homefeed.core.errors import ArtifactError, StoreError
from homefeed.core.progress import Progress
from homefeed.core.release import Release
from homefeed.store.connection import connect
from homefeed.store.location import resolve_store

_STORE_TIMEOUT_SECONDS = 30.0


def rollback(config: Config, progress: Progress, *, redis_named: bool) -> Release:
    """Bring the release before back. Raises ``StoreError`` when the store holds none, ``ArtifactError`` when its bundle is not whole or not on disk."""
    location = resolve_store(config.redis, redis_named, config.paths.store_file)
    with connect(location, _STORE_TIMEOUT_SECONDS, config.redis) as store:
        previous = store.releases().previous
        if previous is None:
            raise StoreError(
                f"{location}, database {location.db}, holds no release of the same map before the live one", next_step="See what there is: homefeed status"
            )
        refuse_damaged(config.paths.releases / previous.id)
        with closing(store.writer(previous.lineage)) as writer:
            release = writer.rollback()
            write_live(config.paths.releases, release.id)
    progress.say(f"release {release.id} of {release.created_at} is live again at {location}, database {location.db}")
    return release


def refuse_damaged(folder: Path) -> None:
    """Raises ``ArtifactError`` where the bundle, or one of its models, could not be served."""
    for fault in read_bundle(folder).faults.values():
        raise ArtifactError(fault)
