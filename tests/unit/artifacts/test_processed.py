"""The processed tables are read whole, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from processed_shop import processed_shop

from homefeed.artifacts.dataset_meta import META, DatasetMeta, read_meta
from homefeed.artifacts.processed import FEATURE_MAP, ITEMS, TEST, TRAIN, USERS, read_dataset, read_tag_slots
from homefeed.core.errors import ArtifactError


def test_the_description_comes_back_as_it_was(tmp_path: Path) -> None:
    meta = processed_shop(tmp_path, schema={"user": {"utag1": "category", "utag2": "multi"}}).meta
    assert DatasetMeta.from_json(meta.to_json()) == meta


def test_entities_and_rows_agree_on_who_is_who(tmp_path: Path) -> None:
    dataset = processed_shop(tmp_path)
    for table in (dataset.users, dataset.items):
        assert (table.ids[0], table.slots[0].tolist()) == ("", [0] * table.slots.shape[1])
        assert (table.rows_by_slot(dataset.map_size)[table.slots[1:, 0]] == range(1, len(table))).all()
    for side in (dataset.train, dataset.test):
        assert side.user.min() > 0
        assert side.item.min() > 0


def test_a_folder_without_a_dataset_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    assert read_meta(tmp_path) is None
    with pytest.raises(ArtifactError, match=rf"No processed data in {tmp_path}\..*homefeed etl"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": {"user": 3}}'])
def test_a_description_that_cannot_be_read_is_told_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / META).write_text(text)
    with pytest.raises(ArtifactError, match=r"meta\.json.*homefeed etl"):
        read_meta(tmp_path)


@pytest.mark.parametrize("name", [USERS, ITEMS, TRAIN, TEST])
@pytest.mark.parametrize("damage", ["missing", "cut", "another table"])
def test_a_table_that_cannot_be_read_is_told_by_name(name: str, damage: str, tmp_path: Path) -> None:
    processed_shop(tmp_path)
    table = tmp_path / "processed" / name
    if damage == "missing":
        table.unlink()
    elif damage == "cut":
        table.write_bytes(table.read_bytes()[:100])
    else:
        table.write_bytes((tmp_path / "processed" / (TRAIN if name in (USERS, ITEMS) else USERS)).read_bytes())
    with pytest.raises(ArtifactError, match=rf"processed/{name} (cannot be read|is not the file).*homefeed etl"):
        read_dataset(tmp_path / "processed")


@pytest.mark.parametrize("damage", ["missing", "cut", "another table"])
def test_a_feature_map_that_cannot_be_read_is_told_with_the_way_out(damage: str, tmp_path: Path) -> None:
    processed_shop(tmp_path)
    table = tmp_path / "processed" / FEATURE_MAP
    assert read_tag_slots(tmp_path / "processed", ("utag1",))["utag1"]
    if damage == "missing":
        table.unlink()
    elif damage == "cut":
        table.write_bytes(table.read_bytes()[:100])
    else:
        table.write_bytes((tmp_path / "processed" / USERS).read_bytes())
    with pytest.raises(ArtifactError, match=r"feature_map\.parquet (cannot be read|is not the file).*homefeed run --new-map"):
        read_tag_slots(tmp_path / "processed", ("utag1",))
