"""Whether every part does its work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.serving.releases import Releases
from homefeed.serving.visits import RANK_SERVICE, REDIS, RELEASE
from homefeed.store.base import ReleaseReader


@dataclass(frozen=True, slots=True)
class Health:
    """``out``: parts that are out, by their names in ``degraded``. ``release``: id of the release that answers, None without one."""

    out: tuple[str, ...]
    release: str | None
    release_age_seconds: float | None
    warnings: tuple[str, ...]


def check_health(reader: ReleaseReader, releases: Releases, now: datetime, max_release_age: timedelta) -> Health:
    """Asks the store now; a release that is only old is a warning."""
    out: list[str] = []
    live_id: str | None = None
    try:
        record = reader.read_release()
        live_id = record.id if record else None
    except StoreUnavailableError:
        out.append(REDIS)
    except StoreError:
        live_id = None  # it answers, but with no record that can be read: the release is out
    current = releases.current()
    if current is None:
        return Health((*out, RANK_SERVICE, RELEASE), None, None, ())
    if current.ranker.failure:
        out.append(RANK_SERVICE)
    if REDIS not in out and releases.named(live_id) is None:
        out.append(RELEASE)
    age_seconds = current.bundle.release.age_seconds(now)
    return Health(tuple(out), current.id, age_seconds, _warnings(age_seconds, max_release_age))


def _warnings(age_seconds: float, max_release_age: timedelta) -> tuple[str, ...]:
    if age_seconds <= max_release_age.total_seconds():
        return ()
    return (f"the live release is {_hours(age_seconds)} old, more than {_hours(max_release_age.total_seconds())}: has the nightly export failed?",)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"
