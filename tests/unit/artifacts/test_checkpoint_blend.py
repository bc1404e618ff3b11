"""A recall checkpoint whose channels have weights that cannot be used is refused when it is read; one older than such weights is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_towers import small_dssm, weights_of

from homefeed.artifacts.checkpoint import POINTWISE, Checkpoint, read_checkpoint, write_checkpoint
from homefeed.artifacts.dataset_meta import DatasetMeta, Seen, Split
from homefeed.core.columns import Schema
from homefeed.core.errors import ArtifactError
from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.features.feature_map import Fingerprint, Lineage
from homefeed.models.channels.blend import DSSM_ALONE, Blend
from homefeed.recall.moment import blend_of

MAP = Fingerprint("shop", 4, "aaaa")
META = DatasetMeta(Schema(), Lineage("shop", (MAP,)), Split("global", 0.2, 1_000, "split-1"), Seen("exclude", ""), 2.0, 50.0, 2_000, 999, 1, {})


def read_again(folder: Path, **blends: Any) -> Checkpoint:
    vocabulary, scale = Vocabulary(np.array([0, 7, 0, 8, 0], np.int32), 7, 10), NumberScale(np.zeros(0, np.float32), np.ones(0, np.float32))
    model = weights_of(small_dssm(vocabulary, user=(3, 0), item=(4, 0)), vocabulary, scale, scale, (3, 4))
    config = {name: value for name, value in model.config.items() if name != "blend"} | blends
    write_checkpoint(folder, POINTWISE, Checkpoint(replace(model, config=config), MAP, META.schema.model_inputs(), "train", "split-1", 999, {}))
    return read_checkpoint(folder, POINTWISE, META)


@pytest.mark.parametrize("name", ["blend", "blend_newcomers"])
@pytest.mark.parametrize("weights", [{}, None, [1.0], "dssm", {"dssm": 0.0}, {"dssm": float("nan")}, {"dssm": float("inf")}, {"horoscope": 1.0}], ids=str)
def test_a_damaged_blend_is_told_with_the_file_what_is_expected_and_the_command_that_mends_it(name: str, weights: Any, tmp_path: Path) -> None:
    sound: dict[str, Any] = {"blend": {"dssm": 1.0}, "blend_newcomers": {"dssm": 1.0}}
    expected = (
        rf"dssm_pointwise\.pth has weights that cannot be used: weighs its channels \(`{name}`\) .*Expected a finite number for some of .*homefeed train recall"
    )
    with pytest.raises(ArtifactError, match=expected):
        read_again(tmp_path, **sound | {name: weights})


def test_both_blends_come_back(tmp_path: Path) -> None:
    read = read_again(tmp_path, blend={"dssm": 0.5, "i2i": -1.0}, blend_newcomers={"hot": 2.0})
    assert blend_of(read) == Blend({"dssm": 0.5, "i2i": -1.0}, {"hot": 2.0})


def test_a_checkpoint_of_one_blend_weighs_newcomers_like_everybody_and_one_of_none_the_recall_model_alone(tmp_path: Path) -> None:
    assert blend_of(read_again(tmp_path, blend={"dssm": 0.5, "hot": 1.0})) == Blend({"dssm": 0.5, "hot": 1.0}, None)
    assert blend_of(read_again(tmp_path)) == DSSM_ALONE
