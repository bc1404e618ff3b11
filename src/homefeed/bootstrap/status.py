"""`homefeed status`: what is live, since when, and what lies on disk."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from homefeed.artifacts.dataset_meta import read_meta
from homefeed.bootstrap.rollback import refuse_damaged
from homefeed.config import Config
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress
from homefeed.core.release import REQUEST, Release
from homefeed.store.connection import connect
from homefeed.store.location import resolve_store

TIMEOUT_SECONDS = 2.0


def say_status(config: Config, progress: Progress, now: datetime, *, redis_named: bool) -> bool:
    """Whether a release is live. Raises ``StoreUnavailableError`` when the store does not answer."""
    meta = read_meta(config.paths.processed)
    progress.say(f"data: {meta.rows['train'] + meta.rows['test']:,} rows, lineage {meta.lineage.id}" if meta else "data: no ETL output yet (homefeed etl)")
    location = resolve_store(config.redis, redis_named, config.paths.store_file)
    default = "" if redis_named or config.paths.store_file.exists() else " (the default: nothing has been exported from here yet)"
    progress.say(f"store: {location}, database {location.db}{default}")
    with connect(location, TIMEOUT_SECONDS, config.redis) as store:
        releases, writer = store.releases(), store.holder()
    if writer:
        progress.say(f"an export or rollback is under way: {writer}")
    if releases.live is None:
        progress.say("live release: none yet (homefeed export)")
        return False
    progress.say(f"live release: {_described(releases.live, now)}")
    if meta and meta.lineage.id != releases.live.lineage:
        progress.say(f"warning: the live release is another shop's (lineage {releases.live.lineage})")
    if releases.live.age_seconds(now) > config.max_release_age.total_seconds():
        progress.say(f"warning: the live release is older than {config.max_release_age}")
    progress.say(f"within reach of `homefeed export --rollback`: {_described(releases.previous, now) if releases.previous else 'none'}")
    for release in filter(None, (releases.live, releases.previous)):
        _say_what_is_damaged(config.paths.releases / release.id, progress)
    return True


def _say_what_is_damaged(bundle: Path, progress: Progress) -> None:
    try:
        refuse_damaged(bundle)
    except ArtifactError as error:
        progress.say(f"warning: {error}")


def _described(release: Release, now: datetime) -> str:
    age = timedelta(seconds=round(release.age_seconds(now)))
    how = ", candidates found at request time" if release.candidates == REQUEST else ""
    return f"{release.id}, {age} old, fitted until {release.fitted_until}, {release.counts['users']:,} users, {release.counts['items']:,} items{how}"
