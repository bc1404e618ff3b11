"""Whatever happens to a bundle's files, it is noticed or harms nobody: no wrong score, no foreign item, no crash."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_release import MemoryStore, full_lists, small_bundle

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_files import RECORD, TAGS, pack, pack_record, sha256, unpack, unpack_record
from homefeed.artifacts.bundle_reader import read_bundle
from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.core.errors import ArtifactError
from homefeed.core.slate import Request, Slate
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease

MODELS = ("recall.safetensors", "rank.safetensors")
FILES = ("users.safetensors", "items.safetensors", "hot.safetensors", "seen.safetensors", *MODELS, TAGS, RECORD)
VISITS = [Request("q", "bob", 20), Request("q", "tagged", 20), Request("q", "nobody", 20), Request("q", "guest", 20, 0, {"utag1": ("young",)})]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("releases"), small_bundle())


@contextmanager
def changed(folder: Path, name: str, content: bytes) -> Iterator[None]:
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(content)
    try:
        yield
    finally:
        (folder / name).write_bytes(before)


@contextmanager
def vouched_for(folder: Path, name: str, content: bytes) -> Iterator[None]:
    """The content in the file, and its checksum in a record that is right in itself: what no accident does."""
    release, checksums = unpack_record((folder / RECORD).read_bytes())
    with changed(folder, name, content), changed(folder, RECORD, pack_record(release, {**checksums, name: sha256(content)})):
        yield


def slates(bundle: Bundle) -> list[Slate]:
    whole = small_bundle()
    pipeline = standard_pipeline(MemoryStore(whole.release, full_lists(whole)), OneRelease(ReleaseInMemory.of(bundle)))
    return [ask(visit) for visit in VISITS for ask in (pipeline.recommend, pipeline.recall)]


def is_noticed_or_harmless(folder: Path, name: str) -> bool:
    """Noticed: refused, or named as that model's fault. Harmless: every slate is what it was; without a model, at least whole and of this shop."""
    try:
        bundle = read_bundle(folder)
    except ArtifactError as error:
        return "homefeed export" in str(error)
    expected, met = slates(small_bundle()), slates(bundle)
    if set(bundle.faults) == ({name.removesuffix(".safetensors")} & {"recall", "rank"}) and bundle.faults:
        part = {"recall": "tags", "rank": "rank_service"}[next(iter(bundle.faults))]
        return all(new == old or (part in new.degraded and len(new.items) == len(old.items)) for new, old in zip(met, expected, strict=True))
    return not bundle.faults and met == expected


@given(name=st.sampled_from(FILES), where=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_any_changed_byte_of_any_file_is_noticed_or_harmless(folder: Path, name: str, where: float, bits: int) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(where * len(content))] ^= bits
    with changed(folder, name, bytes(content)):
        assert is_noticed_or_harmless(folder, name)


@given(name=st.sampled_from(FILES), where=st.floats(0, 1, exclude_max=True))
@settings(max_examples=100, deadline=None)
def test_any_cut_file_is_noticed(folder: Path, name: str, where: float) -> None:
    content = (folder / name).read_bytes()
    with changed(folder, name, content[: int(where * len(content))]):
        if name in MODELS:
            assert list(read_bundle(folder).faults) == [name.removesuffix(".safetensors")]
        else:
            with pytest.raises(ArtifactError, match="homefeed export"):
                read_bundle(folder)


@given(where=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_any_changed_byte_in_the_record_of_an_older_bundle_is_noticed_or_harmless(folder: Path, where: float, bits: int) -> None:
    content = bytearray(_as_before((folder / RECORD).read_bytes()))
    content[int(where * len(content))] ^= bits
    with changed(folder, RECORD, bytes(content)):
        try:
            bundle = read_bundle(folder)
        except ArtifactError:
            return
        assert bundle.release.id == "r1"
        texts = (bundle.release.lineage, bundle.release.fingerprint)  # compared with those of the store's record, which say it all
        assert all(isinstance(text, str) for text in texts)
        assert [slate.items for slate in slates(bundle)] == [slate.items for slate in slates(small_bundle())] or bundle.faults


def test_a_bundle_written_before_records_had_a_checksum_loads(folder: Path) -> None:
    with changed(folder, RECORD, _as_before((folder / RECORD).read_bytes())):
        assert slates(read_bundle(folder)) == slates(small_bundle())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(field=st.sampled_from(["release", "sha256", *small_bundle().release.__slots__]), value=JSON)
@settings(max_examples=200, deadline=None)
def test_a_record_with_other_types_is_refused_or_harmless(folder: Path, field: str, value: Any) -> None:
    record = json.loads(_as_before((folder / RECORD).read_bytes()))
    (record if field in record else record["release"])[field] = value
    with changed(folder, RECORD, json.dumps(record).encode()):
        try:
            bundle = read_bundle(folder)
        except ArtifactError:
            return
        assert (bundle.release.id, type(bundle.release.fingerprint), type(bundle.release.lineage)) == ("r1", str, str)
        assert len(slates(bundle)) == 2 * len(VISITS)


HEADERS = [
    b"",
    b"\xff" * 8,
    struct.pack("<Q", 2**63),
    struct.pack("<Q", 10**8) + b"{}",
    struct.pack("<Q", 2) + b"{}",
    struct.pack("<Q", 40) + b'{"__metadata__":{"info":"[[[[[[[[[["}}   ',
    struct.pack("<Q", 60) + b'{"ids":{"dtype":"U8","shape":[99999999999],"data_offsets":[0,8]}}'[:60] + b"x" * 8,
    struct.pack("<Q", 60_000) + b"[" * 60_000,
]


@pytest.mark.parametrize("content", HEADERS)
@pytest.mark.parametrize("name", FILES[:-2])
def test_a_header_that_is_no_header_is_refused_though_its_checksum_is_right(folder: Path, name: str, content: bytes) -> None:
    with vouched_for(folder, name, content):
        _refused_or_at_fault(folder, name)


ARRAYS = st.sampled_from([np.zeros(3, np.int32), np.full(301, -1, np.int32), np.full((9, 3), 10**9, np.int32), np.array([], np.uint8), np.float64(1.0)[None]])


@given(name=st.sampled_from(FILES[:-2]), array=ARRAYS, at=st.integers(0, 30))
@settings(max_examples=150, deadline=None)
def test_an_array_of_another_kind_is_refused_or_costs_its_model_though_its_checksum_is_right(folder: Path, name: str, array: Any, at: int) -> None:
    arrays, info = unpack((folder / name).read_bytes())
    replaced = sorted(arrays)[at % len(arrays)]
    with vouched_for(folder, name, pack({**arrays, replaced: array}, info)):
        try:
            bundle = read_bundle(folder)
        except ArtifactError:
            return
        for slate in slates(bundle):
            assert len(slate.items) == 20
            assert "pipeline" not in slate.degraded


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["link out of the folder", "link to itself", "folder", "pipe", "missing"])
def test_what_is_no_file_of_the_bundle_is_refused_at_once(folder: Path, tmp_path: Path, name: str, kind: str) -> None:
    copy = tmp_path / "r1"
    shutil.copytree(folder, copy)
    path = copy / name
    path.rename(tmp_path / "outside")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "missing":
        path.symlink_to(tmp_path / "outside" if kind == "link out of the folder" else path)
    _refused_or_at_fault(copy, name)


def _refused_or_at_fault(folder: Path, name: str) -> None:
    if name in MODELS:
        assert list(read_bundle(folder).faults) == [name.removesuffix(".safetensors")]
    else:
        with pytest.raises(ArtifactError, match=r"No whole release bundle|is not the file"):
            read_bundle(folder)


def _as_before(record: bytes) -> bytes:
    return json.dumps({key: value for key, value in json.loads(record).items() if key != "record_sha256"}, indent=1).encode()
