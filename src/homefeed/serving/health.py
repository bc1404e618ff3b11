"""Whether every part does its work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.serving.degraded import PARTS, RANK_SERVICE, REDIS, RELEASE
from homefeed.serving.releases import Releases
from homefeed.store.base import ReleaseReader


@dataclass(frozen=True, slots=True)
class Health:
    """``out``: parts that are out, by their names in ``degraded``. ``release``: id of the release that answers, None without one.

    ``reasons``: why each part is out, for people.
    """

    out: tuple[str, ...]
    release: str | None
    release_age_seconds: float | None
    warnings: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


def check_health(reader: ReleaseReader, releases: Releases, now: datetime, max_release_age: timedelta) -> Health:
    """Asks the store now, unless ``reader`` knows that it is out; a release that is only old is a warning."""
    reasons: dict[str, str] = {}
    live_id: str | None = None
    try:
        record = reader.read_release()
        live_id = record.id if record else None
        if releases.named(live_id) is None:
            reasons[RELEASE] = "The store holds no release" if live_id is None else f"Release {live_id} is not here"
    except StoreUnavailableError as error:
        reasons[REDIS] = str(error)
    except StoreError as error:
        reasons[RELEASE] = str(error)  # it answers, but with no record that can be read
    current = releases.current()
    if current is None:
        reasons = {RANK_SERVICE: "There is no release", RELEASE: "There is no release"} | reasons
        return Health(_in_order(reasons), None, None, (), reasons)
    reasons |= {part: reason for part, reason in releases.reasons().items() if part != RELEASE or RELEASE in reasons}
    age_seconds = current.bundle.release.age_seconds(now)
    return Health(_in_order(reasons), current.id, age_seconds, _warnings(age_seconds, max_release_age), reasons)


def _in_order(reasons: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(part for part in PARTS if part in reasons)


def _warnings(age_seconds: float, max_release_age: timedelta) -> tuple[str, ...]:
    if age_seconds <= max_release_age.total_seconds():
        return ()
    return (f"the live release is {_hours(age_seconds)} old, more than {_hours(max_release_age.total_seconds())}: has the nightly export failed?",)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"
