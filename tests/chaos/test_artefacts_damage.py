"""Files that are cut or changed on disk: refused by name, or as good as before. Never other weights, other rows or another map without a word."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from processed_shop import processed_shop

from homefeed.artifacts.checkpoint import DEEPFM, Checkpoint, checkpoint_path, read_checkpoint, write_checkpoint
from homefeed.artifacts.dataset_meta import META, DatasetMeta
from homefeed.artifacts.processed import FEATURE_MAP, ITEMS, TEST, TRAIN, USERS, ProcessedDataset, read_dataset, read_tag_slots
from homefeed.artifacts.processed_writer import read_feature_map
from homefeed.bootstrap.jobs import etl
from homefeed.config import Config
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Silent
from homefeed.models.deepfm import DeepFM
from homefeed.models.factors import no_factors
from homefeed.models.inputs import inputs_for

TABLES = (USERS, ITEMS, TRAIN, TEST)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ProcessedDataset]:
    """A data folder, which each test leaves as it was, and what is in it."""
    data = tmp_path_factory.mktemp("shop")
    return data, processed_shop(data)


@pytest.fixture
def broken(request: pytest.FixtureRequest, shop: tuple[Path, ProcessedDataset]) -> Callable[[str], Path]:
    """A file of ``processed`` that may be damaged: it is put back at the end."""

    def file(name: str) -> Path:
        path = shop[0] / "processed" / name
        content = path.read_bytes()
        request.addfinalizer(lambda: path.write_bytes(content))
        return path

    return file


def ranker(dataset: ProcessedDataset) -> Checkpoint:
    torch.manual_seed(0)
    inputs = inputs_for(dataset.users, dataset.items, dataset.train.user, dataset.train.item, dataset.map_size, min_count=1_000)
    config = {"hotness_mean": 0.5, "hotness_std": 1.0, "mix": {"deep": 1.0, "factors": 0.0, "intercept": 0.0}}
    deep = DeepFM(inputs.vocabulary, 2, (3,), 1).to_weights(inputs.vocabulary, inputs.user_scale, inputs.item_scale, config)
    model = replace(deep, arrays=dict(deep.arrays) | no_factors(inputs.vocabulary.size, 0).arrays())
    meta = dataset.meta
    return Checkpoint(model, meta.lineage.fingerprint, meta.schema.model_inputs(), "all", meta.split.id, meta.log_end_us, {"auc": 0.75})


def everything_in(checkpoint: Checkpoint) -> tuple[object, ...]:
    model = checkpoint.model
    arrays = sorted((name, array.dtype.str, array.shape, array.tobytes()) for name, array in model.flat().items())
    return replace(checkpoint, model=None), model.description(), arrays  # type: ignore[arg-type]


def test_whatever_byte_of_a_checkpoint_changes_it_is_refused_or_holds_the_same_weights(shop: tuple[Path, ProcessedDataset], tmp_path: Path) -> None:
    meta, written = shop[1].meta, ranker(shop[1])
    path = write_checkpoint(tmp_path, DEEPFM, written)
    whole, rng = path.read_bytes(), random.Random(0)
    refused = 0
    places = rng.sample(range(len(whole)), 1_500)
    for place in places:
        path.write_bytes(_with_a_bit_changed(whole, place, rng))
        try:
            assert everything_in(read_checkpoint(tmp_path, DEEPFM, meta)) == everything_in(written), place
        except ArtifactError as error:
            assert "deepfm.pth is damaged (checksum differs)" in str(error)  # noqa: PT017 - either way is right
            refused += 1
    assert refused > 0.98 * len(places)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_checkpoint_that_is_cut_or_overwritten_in_part_is_refused(shop: tuple[Path, ProcessedDataset], data: st.DataObject) -> None:
    folder = shop[0] / "models"
    path = checkpoint_path(folder, DEEPFM)
    whole = write_checkpoint(folder, DEEPFM, ranker(shop[1])).read_bytes()
    path.write_bytes(data.draw(_damaged(whole)))
    with pytest.raises(ArtifactError, match=r"deepfm\.pth is .*damaged.*homefeed train rank"):
        read_checkpoint(folder, DEEPFM, shop[1].meta)


def test_a_checkpoint_of_before_checksums_is_still_taken(shop: tuple[Path, ProcessedDataset], tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, DEEPFM, ranker(shop[1]))
    torch.save(torch.load(path, weights_only=True), path)
    assert everything_in(read_checkpoint(tmp_path, DEEPFM, shop[1].meta)) == everything_in(ranker(shop[1]))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_with_one_bit_changed_or_cut_anywhere_is_named(name: str, shop: tuple[Path, ProcessedDataset], broken: Callable[[str], Path]) -> None:
    path = broken(name)
    whole, rng = path.read_bytes(), random.Random(1)
    damages = [_with_a_bit_changed(whole, rng.randrange(len(whole)), rng) for _ in range(150)] + [whole[: rng.randrange(len(whole))] for _ in range(50)]
    for damage in damages:
        path.write_bytes(damage)
        with pytest.raises(ArtifactError, match=rf"{path} is not the file that was written.*homefeed etl"):
            read_dataset(shop[0] / "processed")


def test_a_description_with_any_bit_changed_is_named_or_says_the_same(shop: tuple[Path, ProcessedDataset], broken: Callable[[str], Path]) -> None:
    path = broken(META)
    whole, rng = path.read_bytes(), random.Random(2)
    for place in range(len(whole)):
        path.write_bytes(_with_a_bit_changed(whole, place, rng))
        try:
            assert read_dataset(shop[0] / "processed").meta == shop[1].meta, place
        except ArtifactError as error:
            assert f"{path} cannot be read" in str(error)  # noqa: PT017 - either way is right


def test_tables_of_two_runs_are_not_taken_for_one(tmp_path: Path) -> None:
    """A night's users beside another night's log: every slot exists, so that nothing but the checksum tells."""
    processed_shop(tmp_path)
    before = {name: (tmp_path / "processed" / name).read_bytes() for name in TABLES}
    log = tmp_path / "raw_data" / "shop.dat"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[100:]))
    etl(Config.model_validate({"paths": {"data": str(tmp_path)}}), Silent())
    for name in TABLES:
        path = tmp_path / "processed" / name
        now = path.read_bytes()
        if now != before[name]:
            path.write_bytes(before[name])
            with pytest.raises(ArtifactError, match=rf"{path} is not the file that was written with the others"):
                read_dataset(tmp_path / "processed")
            path.write_bytes(now)
    assert len(read_dataset(tmp_path / "processed").train)


def test_a_dataset_of_before_checksums_is_still_read(shop: tuple[Path, ProcessedDataset], broken: Callable[[str], Path]) -> None:
    path = broken(META)
    path.write_text(_without_checksums(path.read_text()))
    assert len(read_dataset(path.parent).train) == len(shop[1].train)


def test_the_map_of_slots_is_never_another_one_without_a_word(shop: tuple[Path, ProcessedDataset], broken: Callable[[str], Path]) -> None:
    """Both by the ETL, which goes on numbering from it, and by the export, which reads guests' tags with it."""
    path = broken(FEATURE_MAP)
    whole, rng = path.read_bytes(), random.Random(3)
    for _ in range(300):
        path.write_bytes(_with_a_bit_changed(whole, rng.randrange(len(whole)), rng))
        for read in (read_feature_map, lambda folder: read_tag_slots(folder, ("utag1",))):
            with pytest.raises(ArtifactError, match=rf"{path} is not the file that was written.*new-map"):
                read(path.parent)


def test_a_map_whose_description_is_lost_is_proven_by_its_own_chain(shop: tuple[Path, ProcessedDataset], broken: Callable[[str], Path]) -> None:
    """Two values that changed places, as a program would that sorts the table: every slot is there, two of them mean somebody else."""
    description, path = broken(META), broken(FEATURE_MAP)
    description.unlink()
    known = read_feature_map(path.parent)
    assert known is not None
    assert known[0] == shop[1].meta.lineage
    swapped = known[1].with_columns(pl.col("slot").replace({1: 2, 2: 1}))
    swapped.write_parquet(path, metadata=pl.read_parquet_metadata(path))
    with pytest.raises(ArtifactError, match=rf"{path} is damaged: its .* entries are not those.*--new-map"):
        read_feature_map(path.parent)


def test_a_lost_map_beside_a_description_is_no_reason_to_start_a_new_one(shop: tuple[Path, ProcessedDataset], broken: Callable[[str], Path]) -> None:
    path = broken(FEATURE_MAP)
    path.unlink()
    config = Config.model_validate({"paths": {"data": str(shop[0])}})
    with pytest.raises(ArtifactError, match=rf"{path} is missing, meta\.json beside it says that there was one.*--new-map"):
        etl(config, Silent())


def test_a_map_from_an_old_backup_is_refused(tmp_path: Path) -> None:
    """It would give the slots of whoever came since to others."""
    processed_shop(tmp_path)
    path = tmp_path / "processed" / FEATURE_MAP
    backup = path.read_bytes()
    log = tmp_path / "raw_data" / "shop.dat"
    log.write_text(log.read_text() + line_of_a_new_user(log))
    config = Config.model_validate({"paths": {"data": str(tmp_path)}})
    etl(config, Silent())
    path.write_bytes(backup)
    description = tmp_path / "processed" / META
    for text in (description.read_text(), _without_checksums(description.read_text())):
        description.write_text(text)
        with pytest.raises(ArtifactError, match=r"feature_map\.parquet is (not the file|another or an older map).*--new-map"):
            etl(config, Silent())


def line_of_a_new_user(log: Path) -> str:
    ts, _, iid, label = log.read_text().splitlines()[-1].split(",")
    return f"{ts},somebody-new,{iid},{label}\n"


def _without_checksums(text: str) -> str:
    raw = json.loads(text)
    meta = DatasetMeta.from_json(text)
    assert set(meta.files) == {*TABLES, FEATURE_MAP}
    return json.dumps({name: value for name, value in raw.items() if name not in ("checksum", "files")})


def _with_a_bit_changed(content: bytes, place: int, rng: random.Random) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def _damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Cut somewhere, or with a stretch of it overwritten by zeros or noise, as after a power cut."""
    places = st.integers(0, len(content) - 200)
    cut = places.map(lambda n: content[:n])
    zeros = places.map(lambda n: content[:n] + bytes(150) + content[n + 150 :]).filter(content.__ne__)
    noise = st.tuples(places, st.binary(min_size=20, max_size=100)).map(lambda x: content[: x[0]] + x[1] + content[x[0] + len(x[1]) :])
    return st.one_of(cut, zeros, noise.filter(content.__ne__))
