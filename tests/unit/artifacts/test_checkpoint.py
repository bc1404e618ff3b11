"""A checkpoint comes back as it was, fits its own shop only, and never runs code."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from homefeed.artifacts.checkpoint import (
    DEEPFM,
    POINTWISE,
    Checkpoint,
    RowsSeen,
    checkpoint_path,
    read_checkpoint,
    refuse_if_it_saw_the_test_side,
    reported,
    write_checkpoint,
)
from homefeed.artifacts.dataset_meta import DatasetMeta, Seen, Split
from homefeed.core.columns import Column, Schema
from homefeed.core.errors import ArtifactError
from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.features.feature_map import Fingerprint, Lineage
from homefeed.models.deepfm import DeepFM
from homefeed.models.factors import no_factors

FIRST, SECOND = Fingerprint("shop", 4, "aaaa"), Fingerprint("shop", 9, "bbbb")
META = DatasetMeta(
    Schema(), Lineage("shop", (FIRST, SECOND)), Split("global", 0.2, 1_000, "split-1"), Seen("exclude", ""), 2.0, 50.0, 2_000, 999, 1, {"train": 8, "test": 2}
)


def checkpoint(rows_seen: RowsSeen = "train", *, split_id: str = "split-1", until_us: int = 999, fingerprint: Fingerprint = FIRST) -> Checkpoint:
    """A ranker of the default columns (3 + 4 fields, no numbers), of a map of 4 slots."""
    torch.manual_seed(0)
    vocabulary, scale = Vocabulary(np.array([0, 7, 0, 8, 0], np.int32), 7, 10), NumberScale(np.zeros(0, np.float32), np.ones(0, np.float32))
    config = {"epochs": 2, "hidden": [4], "hotness_mean": 0.5, "hotness_std": 1.0, "mix": {"deep": 1.0, "factors": 0.0, "intercept": 0.0}}
    deep = DeepFM(vocabulary, embedding_dim=3, hidden=(4,), n_dense=1).to_weights(vocabulary, scale, scale, config)
    model = replace(deep, arrays=dict(deep.arrays) | no_factors(vocabulary.size, 0).arrays())
    return Checkpoint(model, fingerprint, META.schema.model_inputs(), rows_seen, split_id, until_us, {"auc": 0.75})


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    written = checkpoint()
    assert write_checkpoint(tmp_path / "new", DEEPFM, written) == tmp_path / "new" / "deepfm.pth"
    read = read_checkpoint(tmp_path / "new", DEEPFM, META)
    assert replace(read, model=written.model) == written
    assert read.model.description() == written.model.description()
    for name, array in written.model.flat().items():
        np.testing.assert_array_equal(read.model.flat()[name], array)
        assert read.model.flat()[name].dtype == array.dtype


def test_the_file_holds_tensors_and_text_and_no_objects(tmp_path: Path) -> None:
    content = torch.load(write_checkpoint(tmp_path, DEEPFM, checkpoint()), weights_only=True)
    assert {type(value) for value in content["state"].values()} == {torch.Tensor}
    assert json.loads(content["about"])["fingerprint"] == str(FIRST)


def test_nothing_but_the_checkpoint_is_left_in_the_folder(tmp_path: Path) -> None:
    for _ in range(2):
        write_checkpoint(tmp_path, DEEPFM, checkpoint())
    assert [path.name for path in tmp_path.iterdir()] == ["deepfm.pth"]


def test_a_missing_checkpoint_is_told_with_its_path_and_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=rf"No dssm_pointwise checkpoint at {tmp_path}/dssm_pointwise\.pth\. Train it: homefeed train recall\."):
        read_checkpoint(tmp_path, POINTWISE, META)
    with pytest.raises(ArtifactError, match=r"Train it: homefeed train rank\."):
        read_checkpoint(tmp_path, reported(DEEPFM), META)


@pytest.mark.parametrize("fingerprint", [Fingerprint("another", 4, "aaaa"), Fingerprint("shop", 4, "cccc"), Fingerprint("shop", 12, "dddd")])
def test_a_checkpoint_of_another_map_is_refused(fingerprint: Fingerprint, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, DEEPFM, checkpoint(fingerprint=fingerprint))
    with pytest.raises(ArtifactError, match=r"another feature map.*homefeed train rank"):
        read_checkpoint(tmp_path, DEEPFM, META)


def test_a_checkpoint_of_an_earlier_smaller_map_of_the_shop_is_taken(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, DEEPFM, checkpoint(fingerprint=FIRST))
    assert read_checkpoint(tmp_path, DEEPFM, META).fingerprint == FIRST


@pytest.mark.parametrize(
    "schema",
    [
        Schema(user=(Column("utag1"),)),
        Schema(user=(Column("utag2"), Column("utag1"))),
        Schema(user=(Column("utag1"), Column("taste"))),
        Schema(item=(Column("itag1"), Column("itag2"), Column("itag3", "multi"))),
        Schema(item=()),
    ],
)
def test_a_checkpoint_of_other_columns_is_refused(schema: Schema, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, DEEPFM, checkpoint())
    with pytest.raises(ArtifactError, match=r"reads other columns \(of users utag1 category, utag2 category.*homefeed train rank"):
        read_checkpoint(tmp_path, DEEPFM, replace(META, schema=schema))


def test_a_column_that_models_do_not_read_makes_no_difference(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, DEEPFM, checkpoint())
    with_stock = Schema(item=(*Schema().item, Column("available", "flag")), log_extra=("surface",), events={"click": 1.0})
    assert read_checkpoint(tmp_path, DEEPFM, replace(META, schema=with_stock))


def test_weights_of_other_dimensions_than_the_map_and_the_columns_say_are_refused_by_name(tmp_path: Path) -> None:
    fitted = checkpoint()
    wide = dict(fitted.model.arrays) | {"embedding": np.zeros((11, 3), np.float32)}
    path = write_checkpoint(tmp_path, DEEPFM, replace(fitted, model=replace(fitted.model, arrays=wide)))
    expected = rf"{path} has weights that cannot be used: model\.embedding is float32 \[11, 3\]\. Expected float32 \[10, 3\]\. Train it: homefeed train rank"
    with pytest.raises(ArtifactError, match=expected):
        read_checkpoint(tmp_path, DEEPFM, META)


@pytest.mark.parametrize(
    ("mix", "what"),
    [
        (None, r"does not say what its parts count \(`mix`\)"),
        ({"deep": float("nan"), "factors": 0.5, "intercept": 0.0}, r"weighs its parts \(`mix`\) by .*nan"),
        ({"deep": 0.5, "factors": 0.5}, r"weighs its parts \(`mix`\) by "),
    ],
)
def test_a_ranker_whose_mix_is_lost_or_damaged_is_told_with_the_file_what_is_expected_and_the_command(mix: Any, what: str, tmp_path: Path) -> None:
    fitted = checkpoint()
    config = {name: value for name, value in fitted.model.config.items() if name != "mix"} | ({"mix": mix} if mix else {})
    path = write_checkpoint(tmp_path, DEEPFM, replace(fitted, model=replace(fitted.model, config=config)))
    with pytest.raises(ArtifactError, match=rf"{path} has weights that cannot be used: {what}.*Expected finite numbers.*Train it: homefeed train rank"):
        read_checkpoint(tmp_path, DEEPFM, META)


def test_a_ranker_older_than_its_factor_model_is_told_to_be_trained_again(tmp_path: Path) -> None:
    fitted = checkpoint()
    arrays = {name: array for name, array in fitted.model.arrays.items() if not name.startswith("factors.")}
    write_checkpoint(tmp_path, DEEPFM, replace(fitted, model=replace(fitted.model, arrays=arrays)))
    with pytest.raises(ArtifactError, match=r"deepfm\.pth .*factors\.values.*Train it: homefeed train rank"):
        read_checkpoint(tmp_path, DEEPFM, META)


def test_another_kind_of_model_under_a_checkpoints_name_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, POINTWISE, checkpoint())
    with pytest.raises(ArtifactError, match=r"dssm_pointwise\.pth holds a deepfm model\. Expected dssm_pointwise\. Train it: homefeed train recall"):
        read_checkpoint(tmp_path, POINTWISE, META)


class Trap:
    """Pickled, it would make a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
        return Path.touch, (self.path,)


def pickled(path: Path, trap: Trap) -> None:
    path.write_bytes(pickle.dumps({"state": {}, "about": trap}))


def saved_by_torch(path: Path, trap: Trap) -> None:
    torch.save({"state": {"bias": trap}, "about": "{}"}, path)


def zipped(path: Path, trap: Trap) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(trap))
        archive.writestr("archive/version", "3")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [pickled, saved_by_torch, zipped])
def test_an_object_in_a_checkpoint_is_refused_and_never_run(write: Callable[[Path, Trap], None], tmp_path: Path) -> None:
    write(checkpoint_path(tmp_path, DEEPFM), Trap(tmp_path / "sprung"))
    with pytest.raises(ArtifactError, match=r"deepfm\.pth is not a homefeed checkpoint.*homefeed train rank"):
        read_checkpoint(tmp_path, DEEPFM, META)
    assert not (tmp_path / "sprung").exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def made_text(path: Path) -> None:
    path.write_text("no checkpoint\n" * 50)


def made_tensor(path: Path) -> None:
    torch.save(torch.zeros(3), path)


def made_state_dict(path: Path) -> None:
    torch.save({"embedding.weight": torch.zeros(3, 2)}, path)


def made_list(path: Path) -> None:
    torch.save([1, 2], path)


def without_a_part(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    del content["state"]["vocabulary.row"]
    torch.save(content, path)


def with_a_number_for_a_tensor(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    content["state"]["model.bias"] = 3
    torch.save(content, path)


def made_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def with_a_broken_description(path: Path) -> None:
    torch.save(torch.load(path, weights_only=True) | {"about": "{"}, path)


def with_a_description_of_something_else(path: Path) -> None:
    torch.save(torch.load(path, weights_only=True) | {"about": "[1]"}, path)


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize(
    "damage",
    [
        cut, emptied, made_text, made_tensor, made_state_dict, made_list, without_a_part, with_a_number_for_a_tensor, with_a_broken_description,
        with_a_description_of_something_else, made_folder,
    ],
)  # fmt: skip
def test_a_file_that_is_no_checkpoint_is_told_with_its_path_and_next_step(damage: Callable[[Path], None], tmp_path: Path) -> None:
    damage(write_checkpoint(tmp_path, DEEPFM, checkpoint()))
    with pytest.raises(ArtifactError, match=r"deepfm\.pth is not a homefeed checkpoint.*homefeed train rank"):
        read_checkpoint(tmp_path, DEEPFM, META)


PER_USER = replace(META, split=Split("per-user", 0.2, 0, "split-2"))


@pytest.mark.parametrize(
    ("seen", "meta"),
    [
        (checkpoint("train"), META),
        (checkpoint("fit"), META),
        (checkpoint("train", split_id="split-2", until_us=1_999), PER_USER),
        (checkpoint("all", split_id="last week's", until_us=998), META),
        (checkpoint("train", split_id="last week's", until_us=998), META),
    ],
)
def test_a_model_whose_rows_all_lie_before_the_test_side_may_be_measured(seen: Checkpoint, meta: DatasetMeta) -> None:
    refuse_if_it_saw_the_test_side(seen, reported(DEEPFM), meta)


@pytest.mark.parametrize(
    ("seen", "meta"),
    [
        (checkpoint("all", until_us=2_000), META),
        (checkpoint("all", split_id="another", until_us=1_000), META),
        (checkpoint("train", split_id="another", until_us=1_500), META),
        (checkpoint("all", split_id="split-2", until_us=1), PER_USER),
        (checkpoint("train", split_id="another", until_us=1), PER_USER),
    ],
)
def test_a_model_that_may_have_seen_a_test_row_is_refused_by_name(seen: Checkpoint, meta: DatasetMeta) -> None:
    with pytest.raises(ArtifactError, match=r"dssm_pointwise\.report\.pth has seen rows of the test side.*homefeed train recall"):
        refuse_if_it_saw_the_test_side(seen, reported(POINTWISE), meta)
