"""A release: feature map, models and candidates that were published together under one id."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

LISTS, REQUEST = "lists", "request"


@dataclass(frozen=True, slots=True)
class Previous:
    """The release that was live before, and the database of the same server that its lists lie in."""

    id: str
    db: int


@dataclass(frozen=True, slots=True)
class Release:
    """The record published beside the lists. ``fitted_until`` is the last moment whose rows the models have seen (ISO 8601).

    ``candidates``: where an API finds those of known users (``LISTS`` in the store, or by the recall model on ``REQUEST``); lists in records of old.
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
    candidates: str = LISTS

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Release:
        """Raises ``ValueError`` when the text is not a release record."""
        try:
            fields: Any = json.loads(text)
            previous = fields.pop("previous", None)
            record = cls(**fields, previous=Previous(**previous) if previous else None)
            record._check_types()
        except (TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a release record: {error}") from None
        return record

    def age_seconds(self, now: datetime) -> float:
        return (now - datetime.fromisoformat(self.created_at)).total_seconds()

    def _check_types(self) -> None:
        """Whoever reads a record need not expect anything in it but what a record holds. Raises ``TypeError`` or ``ValueError``."""
        texts = (self.id, self.created_at, self.lineage, self.fingerprint, self.fitted_until, self.seen_policy, self.previous.id if self.previous else "")
        if not all(isinstance(text, str) for text in texts) or type(self.previous.db if self.previous else 0) is not int:
            raise TypeError("a field of another type")
        if not isinstance(self.counts, dict) or not isinstance(self.metrics, dict):
            raise TypeError("counts and metrics are not by name")
        if self.candidates not in (LISTS, REQUEST):
            raise ValueError(f"candidates in a way that this version does not know: {str(self.candidates)[:40]!r}")
        if datetime.fromisoformat(self.created_at).tzinfo is None:
            raise ValueError(f"created_at {self.created_at!r} names no time zone")


def new_release_id(now: datetime) -> str:
    """Sortable by time, unique by chance: ``20261124T101500Z-3f9a1c``."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
