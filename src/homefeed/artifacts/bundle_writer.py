"""Puts a bundle on disk, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_files import RECORD, TAGS, flat_entities, flat_lately, pack, pack_record, sha256, tensor_file
from homefeed.artifacts.disk import full_disk_told, sync
from homefeed.core.errors import ArtifactError


def write_bundle(root: Path, bundle: Bundle) -> Path:
    """Write ``root/<release id>``, so that it would outlive a power cut; returns the folder.

    Raises ``ArtifactError`` where the disk does not take it; nothing of it is left then.
    """
    final, staging = root / bundle.release.id, root / f".{bundle.release.id}.tmp"
    try:
        with full_disk_told(final):
            _write(staging, bundle)
            os.replace(staging, final)
            sync(root)
    except OSError as error:
        raise ArtifactError(f"The bundle {final} cannot be written: {error.strerror or error}", next_step="What is served is as it was") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return final


def _write(staging: Path, bundle: Bundle) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    checksums: dict[str, str] = {}
    for name, content in _files(bundle):
        _write_file(staging / name, content)
        checksums[name] = sha256(content)
    _write_file(staging / RECORD, pack_record(bundle.release, checksums))
    sync(staging)


def _files(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """One at a time, so that only one is in memory twice."""
    about_users = {"bags": list(bundle.users.bags), "separators": dict(bundle.separators)}
    items = flat_entities(bundle.items) | {"available": bundle.available, "hotness": bundle.hotness}
    yield tensor_file("users"), pack(flat_entities(bundle.users), about_users)
    yield tensor_file("items"), pack(items, {"bags": list(bundle.items.bags)})
    yield tensor_file("hot"), pack({"items": bundle.hot, "fresh": bundle.fresh}, {"fresh_per_list": bundle.fresh_per_list})
    yield tensor_file("seen"), pack({"offsets": bundle.seen.offsets, "items": bundle.seen.items}, {})
    if bundle.recall is not None:
        of_items = {"item_vectors": bundle.item_vectors, "item_boost": bundle.item_boost}
        yield tensor_file("recall"), pack(bundle.recall.flat() | of_items | flat_lately(bundle.lately), bundle.recall.description())
    if bundle.rank is not None:
        yield tensor_file("rank"), pack(bundle.rank.flat(), bundle.rank.description())
    yield TAGS, json.dumps(bundle.tag_slots, ensure_ascii=False).encode()


def _write_file(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
