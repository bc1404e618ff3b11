"""What a folder of processed tables is: columns, map, split, seen policy, moments, counts, checksums."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from homefeed.core.columns import Column, Schema
from homefeed.core.errors import ArtifactError
from homefeed.features.feature_map import Fingerprint, Lineage

META = "meta.json"
MAKE_AGAIN = "Make it again, with the same feature map: homefeed etl"


@dataclass(frozen=True, slots=True)
class Split:
    """How train and test were parted. ``test_from_us``: first moment of the test side (global split) or 0 (per user)."""

    kind: Literal["global", "per-user"]
    test_fraction: float
    test_from_us: int
    id: str
    """Changes whenever other rows could be on the test side."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether items that a user clicked before are left out, and why."""

    policy: Literal["exclude", "keep"]
    reason: str


@dataclass(frozen=True, slots=True)
class DatasetMeta:
    """``ts_unit_us``: microseconds in one unit of the CSV files' ``ts``. ``log_end_us``: the last row's moment. ``rows``: counts without drawn rows.

    ``sample_negatives``: items drawn as 0 rows for each click of a log of clicks alone; 0 where the log's own rows are all there are.
    ``files``: SHA-256 of each file that is read again; none in a folder that an older version wrote.
    """

    schema: Schema
    lineage: Lineage
    split: Split
    seen: Seen
    half_life_days: float
    prior_impressions: float
    log_end_us: int
    train_end_us: int
    ts_unit_us: int
    rows: dict[str, int] = field(default_factory=dict)
    sample_negatives: int = 0
    files: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        raw = asdict(self)
        return json.dumps(raw | {_CHECKSUM: _digest(raw)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> DatasetMeta:
        """Raises ``ValueError``, ``LookupError``, ``TypeError`` or ``AttributeError`` where the text is not what ``to_json`` gave."""
        raw: dict[str, Any] = json.loads(text)
        if raw.pop(_CHECKSUM, None) not in (None, _digest(raw)):
            raise ValueError("the checksum differs")
        schema, lineage = raw.pop("schema"), raw.pop("lineage")
        return cls(
            schema=Schema(tuple(Column(**c) for c in schema["user"]), tuple(Column(**c) for c in schema["item"]), tuple(schema["log_extra"]), schema["events"]),
            lineage=Lineage(lineage["id"], tuple(Fingerprint(**f) for f in lineage["history"])),
            split=Split(**raw.pop("split")),
            seen=Seen(**raw.pop("seen")),
            **raw,
        )


def read_meta(folder: Path) -> DatasetMeta | None:
    """The dataset's description; None where no ETL has finished in this folder. Raises ``ArtifactError`` when it cannot be read."""
    path = folder / META
    if not path.exists():
        return None
    try:
        return DatasetMeta.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} cannot be read ({type(error).__name__})", next_step=MAKE_AGAIN) from error


_CHECKSUM = "checksum"


def _digest(raw: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()
