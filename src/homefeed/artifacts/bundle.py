"""A release's bundle: all that an API process needs, as safetensors and JSON. Reached without torch and without data frames.

``data/releases/<id>/`` holds ``release.json`` (record and checksums, written last), ``tags.json`` and ``users``, ``items``, ``hot``, ``seen``, ``recall``,
``rank`` (``.safetensors``). ``data/releases/LIVE`` names the release that was last made the live one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from homefeed.core.errors import ArtifactError
from homefeed.core.release import Release
from homefeed.features.entities import EntityTable
from homefeed.models.weights import Array, ModelWeights, restore

RECORD, TAGS, LIVE = "release.json", "tags.json", "LIVE"
_TENSORS = ("users", "items", "hot", "seen", "recall", "rank")


@dataclass(frozen=True, slots=True)
class SeenItems:
    """Item rows that each user has clicked: those of user row u are ``items[offsets[u]:offsets[u + 1]]``. Empty when the policy is to keep them."""

    offsets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]

    def of(self, user_row: int) -> npt.NDArray[np.int32]:
        if user_row + 1 >= len(self.offsets):
            return self.items[:0]
        return self.items[self.offsets[user_row] : self.offsets[user_row + 1]]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One release in memory. Row 0 of ``users`` and ``items`` is the unknown one.

    ``available``: bool[N], items on sale. ``hotness``: float32[N], global_score as of the release. ``hot``: int32[H], item rows, hottest first.
    ``item_vectors``: float32[N, V], the recall model's. ``tag_slots``: slot of each value of each user tag field, to read a guest's tags.
    ``separators``: what joins the values of a multi-valued user tag in the shop's file.
    """

    release: Release
    users: EntityTable
    items: EntityTable
    available: npt.NDArray[np.bool_]
    hotness: npt.NDArray[np.float32]
    hot: npt.NDArray[np.int32]
    seen: SeenItems
    recall: ModelWeights
    item_vectors: npt.NDArray[np.float32]
    rank: ModelWeights
    tag_slots: Mapping[str, Mapping[str, int]]
    separators: Mapping[str, str] = field(default_factory=dict)


def write_bundle(root: Path, bundle: Bundle) -> Path:
    """Write ``root/<release id>`` whole or not at all; returns the folder."""
    final = root / bundle.release.id
    staging = root / f".{bundle.release.id}.tmp"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    _save(staging / "users.safetensors", _flat_entities(bundle.users), {"bags": list(bundle.users.bags), "separators": dict(bundle.separators)})
    items = _flat_entities(bundle.items) | {"available": bundle.available, "hotness": bundle.hotness}
    _save(staging / "items.safetensors", items, {"bags": list(bundle.items.bags)})
    _save(staging / "hot.safetensors", {"items": bundle.hot}, {})
    _save(staging / "seen.safetensors", {"offsets": bundle.seen.offsets, "items": bundle.seen.items}, {})
    _save(staging / "recall.safetensors", bundle.recall.flat() | {"item_vectors": bundle.item_vectors}, bundle.recall.description())
    _save(staging / "rank.safetensors", bundle.rank.flat(), bundle.rank.description())
    (staging / TAGS).write_text(json.dumps(bundle.tag_slots, ensure_ascii=False))
    checksums = {path.name: _sha256(path) for path in sorted(staging.iterdir())}
    (staging / RECORD).write_text(json.dumps({"release": asdict(bundle.release), "sha256": checksums}, indent=1))
    os.replace(staging, final)
    return final


def read_bundle(folder: Path) -> Bundle:
    """Raises ``ArtifactError`` when a file is missing, broken or not the one that was written."""
    try:
        record = json.loads((folder / RECORD).read_text())
        release = Release(**record["release"])
        for name, expected in record["sha256"].items():
            if _sha256(folder / name) != expected:
                raise ArtifactError(f"{folder / name} is not the file that was written (checksum differs)", next_step="Export again: homefeed export")
        tensors = {name: _load(folder / f"{name}.safetensors") for name in _TENSORS}
        (users, user_info), (items, item_info) = tensors["users"], tensors["items"]
        recall, recall_info = tensors["recall"]
        return Bundle(
            release=release,
            users=_entities(users, user_info["bags"]),
            items=_entities(items, item_info["bags"]),
            available=items["available"],
            hotness=items["hotness"],
            hot=tensors["hot"][0]["items"],
            seen=SeenItems(tensors["seen"][0]["offsets"], tensors["seen"][0]["items"]),
            recall=restore(recall, recall_info),
            item_vectors=recall["item_vectors"],
            rank=restore(*tensors["rank"]),
            tag_slots=json.loads((folder / TAGS).read_text()),
            separators=user_info.get("separators", {}),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ArtifactError(f"No whole release bundle in {folder}: {error}", next_step="Export again: homefeed export") from error


def write_live(root: Path, release_id: str) -> None:
    """Remember, whole or not at all, which release was made the live one: what an API serves that starts while the store is out."""
    fresh = root / f".{LIVE}.new"
    fresh.write_text(release_id + "\n")
    fresh.replace(root / LIVE)


def read_live(root: Path) -> str | None:
    """The id that ``write_live`` left; None where it never did. Nobody vouches that a bundle of this name is there."""
    path = root / LIVE
    return (path.read_text(errors="replace").strip() or None) if path.is_file() else None


def prune_bundles(root: Path, keep: int, protect: Sequence[str]) -> None:
    """Delete the oldest bundles beyond ``keep``, and staging left by a killed export; never those in ``protect``."""
    for leftover in root.glob(".*.tmp"):
        shutil.rmtree(leftover)
    ids = sorted(path.name for path in root.iterdir() if path.is_dir())
    for release_id in ids[: max(len(ids) - keep, 0)]:
        if release_id not in protect:
            shutil.rmtree(root / release_id)


def _flat_entities(table: EntityTable) -> dict[str, Array]:
    encoded = [raw_id.encode() for raw_id in table.ids]
    flat: dict[str, Array] = {
        "ids": np.frombuffer(b"".join(encoded), np.uint8),
        "id_ends": np.cumsum([len(e) for e in encoded], dtype=np.int64),
        "slots": table.slots,
        "numbers": table.numbers,
    }
    return flat | {f"bag.{name}": slots for name, slots in table.bags.items()}


def _entities(flat: Mapping[str, Array], bags: Sequence[str]) -> EntityTable:
    blob, ends = flat["ids"].tobytes(), flat["id_ends"].tolist()
    ids = [blob[start:end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return EntityTable(ids, flat["slots"], {name: flat[f"bag.{name}"] for name in bags}, flat["numbers"])


def _save(path: Path, arrays: Mapping[str, Array], info: Mapping[str, Any]) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path, metadata={"info": json.dumps(info)})


def _load(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["info"])  # noqa: SIM118 - not a mapping


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
