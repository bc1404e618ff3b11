"""Lists of the validation slice: what the recall model would have listed just before it. The ranker's training weighs pCTR against their order.

``<model>.lists.safetensors`` beside the checkpoints: ``users`` int32[U] and ``items`` int32[U, K], rows of the tables, best first, 0-padded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError

from homefeed.artifacts.bundle_files import pack, unpack
from homefeed.artifacts.dataset_meta import DatasetMeta
from homefeed.artifacts.disk import whole_file


@dataclass(frozen=True, slots=True)
class ValidationLists:
    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]


def write_validation_lists(folder: Path, model: str, lists: ValidationLists, meta: DatasetMeta) -> None:
    with whole_file(_path(folder, model)) as fresh:
        fresh.write_bytes(pack({"users": lists.users, "items": lists.items}, _about(meta)))


def read_validation_lists(folder: Path, model: str, meta: DatasetMeta) -> ValidationLists | None:
    """None where there are none of this split and these tables."""
    try:
        arrays, about = unpack(_path(folder, model).read_bytes())
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    if about != _about(meta) or arrays.keys() != {"users", "items"}:
        return None
    return ValidationLists(arrays["users"], arrays["items"])


def _about(meta: DatasetMeta) -> dict[str, str]:
    return {"split": meta.split.id, "fingerprint": str(meta.lineage.fingerprint)}


def _path(folder: Path, model: str) -> Path:
    return folder / f"{model}.lists.safetensors"
