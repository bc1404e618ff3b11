"""Reads a bundle back: what was written, or a reason why not. A broken model costs that model alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from homefeed.artifacts.bundle import Bundle, SeenItems
from homefeed.artifacts.bundle_checks import check_tables
from homefeed.artifacts.bundle_files import MODELS, RECORD, TABLES, TAGS, entities, lately_of, read_own_file, sha256, tensor_file, unpack, unpack_record
from homefeed.core.errors import ArtifactError
from homefeed.models.weights import Array, ModelWeights, restore

_BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, SafetensorError)
_EXPORT = "Export again: homefeed export"


def read_bundle(folder: Path) -> Bundle:
    """The bundle in ``folder``, which bears its release's id; a model that is missing or broken is in its ``faults``.

    Raises ``ArtifactError`` where any other file is missing, broken or not the one that was written.
    """
    try:
        bundle = _read(folder)
        check_tables(bundle)
    except _BROKEN as error:
        raise ArtifactError(f"No whole release bundle in {folder}: {_said(error)}", next_step=_EXPORT) from error
    return bundle


def _read(folder: Path) -> Bundle:
    release, checksums = unpack_record(read_own_file(folder / RECORD))
    if release.id != folder.name:
        raise ValueError(f"it is that of release {release.id}")
    (users, about_users), (items, about_items), (hot, about_hot), (seen, _) = (unpack(_checked(folder, tensor_file(name), checksums)) for name in TABLES)
    tag_slots = json.loads(_checked(folder, TAGS, checksums))
    models, faults = _models(folder, checksums)
    recall, of_recall = models.get("recall", (None, {}))
    return Bundle(
        release=release,
        users=entities(users, about_users["bags"]),
        items=entities(items, about_items["bags"]),
        available=items["available"],
        hotness=items["hotness"],
        hot=hot["items"],
        seen=SeenItems(seen["offsets"], seen["items"]),
        recall=recall,
        item_vectors=of_recall.get("item_vectors", np.zeros((0, 0), np.float32)),
        rank=models.get("rank", (None, {}))[0],
        tag_slots=tag_slots,
        separators=about_users.get("separators", {}),
        lately=lately_of(of_recall),
        item_boost=of_recall.get("item_boost", np.zeros(0, np.float32)),
        fresh=hot.get("fresh", np.zeros(0, np.int32)),
        fresh_per_list=about_hot.get("fresh_per_list", 0),
        faults=faults,
    )


def _models(folder: Path, checksums: Mapping[str, str]) -> tuple[dict[str, tuple[ModelWeights | None, Mapping[str, Array]]], dict[str, str]]:
    """Models that could be read, each with all arrays of its file, and why the others could not."""
    models: dict[str, tuple[ModelWeights | None, Mapping[str, Array]]] = {}
    faults: dict[str, str] = {}
    for name in MODELS:
        try:
            arrays, about = unpack(_checked(folder, tensor_file(name), checksums))
            models[name] = restore(arrays, about), arrays
        except ArtifactError as error:
            faults[name] = error.what
        except _BROKEN as error:
            faults[name] = f"{folder / tensor_file(name)} cannot be read: {_said(error)}"
    return models, faults


def _checked(folder: Path, name: str, checksums: Mapping[str, str]) -> bytes:
    """What is checked is what is used: a file is read once."""
    content = read_own_file(folder / name)
    if sha256(content) != checksums[name]:
        raise ArtifactError(f"{folder / name} is not the file that was written (checksum differs)", next_step=_EXPORT)
    return content


def _said(error: BaseException) -> Any:
    return error if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {error}"
