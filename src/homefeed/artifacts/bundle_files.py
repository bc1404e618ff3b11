"""The files of a bundle, one by one: tensors with a little JSON beside them, and the record that vouches for all of them.

``data/releases/<id>/`` holds ``release.json`` (the release, each file's checksum, and one over both), ``tags.json`` and ``users``, ``items``, ``hot``,
``seen``, ``recall``, ``rank`` (``.safetensors``).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from homefeed.artifacts.bundle import NOBODY_LATELY, Lately
from homefeed.core.release import Release
from homefeed.features.entities import EntityTable
from homefeed.models.weights import Array

RECORD, TAGS = "release.json", "tags.json"
_LATELY = "lately."
TABLES, MODELS = ("users", "items", "hot", "seen"), ("recall", "rank")


def tensor_file(name: str) -> str:
    return f"{name}.safetensors"


def pack(arrays: Mapping[str, Array], info: Mapping[str, Any]) -> bytes:
    """Arrays by name as safetensors, ``info`` in its header."""
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"info": json.dumps(info)})


def unpack(content: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """What ``pack`` was given. Raises ``SafetensorError``, ``ValueError``, ``KeyError`` or ``TypeError`` where it is something else."""
    arrays = load(content)
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    return arrays, json.loads(json.loads(header)["__metadata__"]["info"])


def pack_record(release: Release, checksums: Mapping[str, str]) -> bytes:
    record = {"release": asdict(release), "sha256": dict(checksums)}
    return json.dumps(record | {"record_sha256": _seal(record)}, indent=1).encode()


def unpack_record(content: bytes) -> tuple[Release, Mapping[str, str]]:
    """The release and each file's checksum. Raises ``ValueError``, ``KeyError``, ``TypeError`` or ``AttributeError`` where it is something else."""
    record: Any = json.loads(content)
    seal = record.pop("record_sha256", None)  # older bundles have none
    if seal is not None and seal != _seal(record):
        raise ValueError(f"{RECORD} is not the one that was written (checksum differs)")
    return Release.from_json(json.dumps(record["release"])), record["sha256"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_own_file(path: Path) -> bytes:
    """The content of a regular file; a link, which may lead out of the bundle, and whatever else can stand in its place is an ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        return file.read()


def flat_entities(table: EntityTable) -> dict[str, Array]:
    """An entity table as arrays; ``entities`` is the way back."""
    encoded = [raw_id.encode() for raw_id in table.ids]
    flat: dict[str, Array] = {
        "ids": np.frombuffer(b"".join(encoded), np.uint8),
        "id_ends": np.cumsum([len(e) for e in encoded], dtype=np.int64),
        "slots": table.slots,
        "numbers": table.numbers,
    }
    return flat | {f"bag.{name}": slots for name, slots in table.bags.items()}


def entities(flat: Mapping[str, Array], bags: Sequence[str]) -> EntityTable:
    blob, ends = flat["ids"].tobytes(), flat["id_ends"].tolist()
    ids = [blob[start:end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return EntityTable(ids, flat["slots"], {name: flat[f"bag.{name}"] for name in bags}, flat["numbers"])


def flat_lately(lately: Lately) -> dict[str, Array]:
    """What users did lately as arrays; ``lately_of`` is the way back."""
    return {_LATELY + name: getattr(lately, name) for name in Lately.__slots__}


def lately_of(flat: Mapping[str, Array]) -> Lately:
    """``NOBODY_LATELY`` where ``flat`` holds none."""
    return Lately(**{name: flat.get(_LATELY + name, getattr(NOBODY_LATELY, name)) for name in Lately.__slots__})


def _seal(record: Mapping[str, Any]) -> str:
    return sha256(json.dumps(record, sort_keys=True).encode())
