"""A bundle is what was written, or it is refused; old ones make room, those in use stay."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_release import small_bundle

from homefeed.artifacts.bundle import NOBODY_LATELY, Lately
from homefeed.artifacts.bundle_files import RECORD, pack, pack_record, sha256, unpack, unpack_record
from homefeed.artifacts.bundle_reader import read_bundle
from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.artifacts.release_folder import prune_bundles, read_live, write_live
from homefeed.core.errors import ArtifactError

TABLES = ("users.safetensors", "items.safetensors", "hot.safetensors", "seen.safetensors", "tags.json")
MODELS = ("recall", "rank")
LATELY = Lately(np.array([0, *[2] * 9]), np.array([5, 9], np.int32), np.array([True, False]), np.array([3, 24], np.uint8))


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    elif is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert_same(value, other[name])
    else:
        assert list(one) == list(other) if isinstance(one, list) else one == other


def _vouch_for(folder: Path, name: str, content: bytes) -> None:
    """Put another file into a bundle whose record says that it belongs there."""
    release, checksums = unpack_record((folder / RECORD).read_bytes())
    (folder / name).write_bytes(content)
    (folder / RECORD).write_bytes(pack_record(release, {**checksums, name: sha256(content)}))


def test_a_bundle_comes_back_as_it_was(tmp_path: Path) -> None:
    bundle = small_bundle("r1", lately=LATELY, item_boost=np.arange(301, dtype=np.float32), fresh=np.array([7, 9], np.int32), fresh_per_list=5)
    folder = write_bundle(tmp_path, bundle)
    assert folder == tmp_path / "r1"
    again = read_bundle(folder)
    assert_same(bundle, again)
    assert (list(again.tag_slots), list(again.users.bags)) == (list(bundle.tag_slots), list(bundle.users.bags))  # their order means something


def test_a_bundle_of_a_time_that_kept_no_histories_loads_without_them(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, small_bundle(lately=LATELY))
    arrays, info = unpack((folder / "recall.safetensors").read_bytes())
    _vouch_for(folder, "recall.safetensors", pack({name: array for name, array in arrays.items() if not name.startswith("lately.")}, info))
    assert_same(read_bundle(folder).lately, NOBODY_LATELY)


def test_a_bundle_of_a_time_without_fresh_items_loads_and_has_none(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, small_bundle(fresh=np.array([7, 9], np.int32), fresh_per_list=5))
    arrays, _ = unpack((folder / "hot.safetensors").read_bytes())
    _vouch_for(folder, "hot.safetensors", pack({"items": arrays["items"]}, {}))
    again = read_bundle(folder)
    assert (again.fresh.tolist(), again.fresh_per_list) == ([], 0)


@pytest.mark.parametrize(
    ("fresh", "quota"),
    [
        (np.array([301], np.int32), 5),
        (np.array([0], np.int32), 5),
        (np.array([7]), 5),
        (np.zeros((1, 1), np.int32), 5),
        (np.array([7], np.int32), "5"),
        (np.array([7], np.int32), -1),
    ],
)
def test_fresh_items_that_fit_no_table_are_refused(fresh: np.ndarray, quota: Any, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, small_bundle(fresh=fresh, fresh_per_list=quota))
    with pytest.raises(ArtifactError, match="fresh"):
        read_bundle(folder)


def test_raw_ids_of_any_kind_come_back(tmp_path: Path) -> None:
    bundle = small_bundle()
    assert list(read_bundle(write_bundle(tmp_path, bundle)).users.ids) == list(bundle.users.ids)
    assert "18292817638588633000" in bundle.users.ids


def test_nothing_but_the_bundle_is_left(tmp_path: Path) -> None:
    write_bundle(tmp_path, small_bundle("r1"))
    assert [path.name for path in tmp_path.iterdir()] == ["r1"]


@pytest.mark.parametrize("name", TABLES)
def test_one_flipped_bit_anywhere_is_refused_with_the_files_name(name: str, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name} is not the file that was written.*homefeed export"):
        read_bundle(folder)


@pytest.mark.parametrize("name", MODELS)
def test_a_broken_or_missing_model_costs_that_model_alone(name: str, tmp_path: Path) -> None:
    bundle = small_bundle(lately=LATELY, item_boost=np.arange(301, dtype=np.float32))
    folder = write_bundle(tmp_path, bundle)
    path = folder / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x99")
    assert f"{path} is not the file that was written" in read_bundle(folder).faults[name]
    path.unlink()
    again = read_bundle(folder)
    assert (list(again.faults), getattr(again, name)) == ([name], None)
    lost = {"rank": {"rank"}, "recall": {"recall", "item_vectors", "item_boost", "lately"}}[name] | {"faults"}
    assert_same(*({f.name: getattr(one, f.name) for f in fields(one) if f.name not in lost} for one in (bundle, again)))


@pytest.mark.parametrize("name", [*TABLES, RECORD])
def test_a_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=r"No whole release bundle.*homefeed export"):
        read_bundle(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"release": {}}', '{"release": {"id": "r1"}, "sha256": {}}', '{"release": null, "sha256": null}'])
def test_a_record_that_cannot_be_read_is_refused(text: str, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    (folder / RECORD).write_text(text)
    with pytest.raises(ArtifactError, match=r"No whole release bundle.*homefeed export"):
        read_bundle(folder)


def test_files_that_fit_no_bundle_are_refused_though_their_checksums_are_right(tmp_path: Path) -> None:
    """A record that vouches for nothing: each part is still looked at."""
    folder = write_bundle(tmp_path, small_bundle())
    record = json.loads((folder / RECORD).read_text()) | {"sha256": {}}
    (folder / RECORD).write_text(json.dumps(record))
    (folder / "hot.safetensors").write_bytes((folder / "users.safetensors").read_bytes())
    with pytest.raises(ArtifactError, match="No whole release bundle"):
        read_bundle(folder)
    (folder / "hot.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ArtifactError, match="No whole release bundle"):
        read_bundle(folder)


def test_the_oldest_bundles_make_room_and_protected_ones_stay(tmp_path: Path) -> None:
    for n in range(5):
        write_bundle(tmp_path, small_bundle(f"2026112{n}"))
    (tmp_path / ".20261129.tmp").mkdir()
    prune_bundles(tmp_path, keep=2, protect=["20261120"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20261120", "20261123", "20261124"]


def test_few_bundles_all_stay(tmp_path: Path) -> None:
    write_bundle(tmp_path, small_bundle("r1"))
    prune_bundles(tmp_path, keep=3, protect=[])
    assert [path.name for path in tmp_path.iterdir()] == ["r1"]


def test_the_live_release_is_remembered_and_no_bundle_is_taken_for_it(tmp_path: Path) -> None:
    assert read_live(tmp_path) is None
    write_bundle(tmp_path, small_bundle("r1"))
    write_live(tmp_path, "r0")
    write_live(tmp_path, "r1")
    prune_bundles(tmp_path, keep=1, protect=[])
    assert read_live(tmp_path) == "r1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LIVE", "r1"]
    (tmp_path / "LIVE").write_bytes(b"")
    assert read_live(tmp_path) is None
