"""Lists of the validation slice come back as they were, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from homefeed.artifacts.bundle_files import pack
from homefeed.artifacts.dataset_meta import DatasetMeta, Seen, Split
from homefeed.artifacts.validation_lists import ValidationLists, read_validation_lists, write_validation_lists
from homefeed.core.columns import Schema
from homefeed.features.feature_map import Fingerprint, Lineage

MODEL = "dssm_pointwise"
LINEAGE = Lineage("shop", (Fingerprint("shop", 5, "abc"),))
META = DatasetMeta(Schema(), LINEAGE, Split("global", 0.2, 10**15, "s1"), Seen("exclude", "planted"), 1.0, 50.0, 2 * 10**15, 10**15, 10**6)
LISTS = ValidationLists(np.array([4, 2], np.int32), np.array([[3, 1, 0], [2, 5, 1]], np.int32))
FILE = f"{MODEL}.lists.safetensors"


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    write_validation_lists(tmp_path, MODEL, LISTS, META)
    found = read_validation_lists(tmp_path, MODEL, META)
    assert found is not None
    for name in ("users", "items"):
        got, expected = getattr(found, name), getattr(LISTS, name)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_later_lists_take_the_place_of_the_earlier_ones(tmp_path: Path) -> None:
    for lists in (LISTS, ValidationLists(LISTS.users[:1], LISTS.items[:1] + 1)):
        write_validation_lists(tmp_path, MODEL, lists, META)
    found = read_validation_lists(tmp_path, MODEL, META)
    assert found is not None
    assert found.items.tolist() == [[4, 2, 1]]


def test_there_are_none_before_the_first_fit_and_none_of_another_model(tmp_path: Path) -> None:
    assert read_validation_lists(tmp_path, MODEL, META) is None
    write_validation_lists(tmp_path, MODEL, LISTS, META)
    assert read_validation_lists(tmp_path, "dssm_inbatch", META) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(META, split=replace(META.split, id="s2")),
        replace(META, lineage=Lineage("shop", (Fingerprint("shop", 6, "abcd"),))),
        replace(META, lineage=Lineage("other", (Fingerprint("other", 5, "abc"),))),
    ],
    ids=["split", "size of the map", "shop"],
)
def test_lists_of_another_split_or_map_are_none(other: DatasetMeta, tmp_path: Path) -> None:
    write_validation_lists(tmp_path, MODEL, LISTS, META)
    assert read_validation_lists(tmp_path, MODEL, other) is None


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut short": lambda content: content[:-5],
    "half of its head": lambda content: content[:20],
    "another file's content": lambda _: b"PAR1" * 50,
    "no such arrays": lambda _: pack({"users": LISTS.users}, {"split": "s1", "fingerprint": str(LINEAGE.fingerprint)}),
    "no word of the split": lambda _: pack({"users": LISTS.users, "items": LISTS.items}, {}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_holds_none(damage: str, tmp_path: Path) -> None:
    write_validation_lists(tmp_path, MODEL, LISTS, META)
    path = tmp_path / FILE
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert read_validation_lists(tmp_path, MODEL, META) is None
