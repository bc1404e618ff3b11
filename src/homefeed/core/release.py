"""A release: feature map, models and candidates that were published together under one id."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Previous:
    """The release that was live before, and the database of the same server that its lists lie in."""

    id: str
    db: int


@dataclass(frozen=True, slots=True)
class Release:
    """The record published beside the lists. ``fitted_until`` is the last moment whose rows the models have seen (ISO 8601).

    ``previous``: known from the moment this release is made the live one; None where nothing lies before it.
    """

    id: str
    created_at: str
    lineage: str
    fingerprint: str
    fitted_until: str
    seen_policy: str
    counts: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    previous: Previous | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Release:
        """Raises ``ValueError`` when the text is not a release record."""
        fields: Any = json.loads(text)
        try:
            previous = fields.pop("previous", None)
            return cls(**fields, previous=Previous(**previous) if previous else None)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a release record: {error}") from None

    def age_seconds(self, now: datetime) -> float:
        return (now - datetime.fromisoformat(self.created_at)).total_seconds()


def new_release_id(now: datetime) -> str:
    """Sortable by time, unique by chance: ``20261124T101500Z-3f9a1c``."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
