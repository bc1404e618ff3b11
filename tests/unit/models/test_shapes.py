"""Weights whose dimensions do not follow from the map and the columns are found, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_towers import DIM, small_dssm, weights_of

from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.models.deepfm import DeepFM
from homefeed.models.factors import no_factors
from homefeed.models.shapes import SideWidth, first_misfit
from homefeed.models.weights import ModelWeights, restore

USER, ITEM, MAP_SIZE = SideWidth(3, 1), SideWidth(4, 2), 9
VOCABULARY = Vocabulary(np.array([0, 7, 0, 8, 0, 10, 0, 0, 9, 0], np.int32), 7, 12)
USER_SCALE = NumberScale(np.zeros(1, np.float32), np.ones(1, np.float32))
ITEM_SCALE = NumberScale(np.zeros(2, np.float32), np.ones(2, np.float32))


def ranker() -> ModelWeights:
    model = DeepFM(VOCABULARY, embedding_dim=5, hidden=(8, 6), n_dense=7)
    config = {"hotness_mean": 0.5, "hotness_std": 1.0, "mix": {"deep": 0.5, "factors": 0.5, "intercept": 0.0}}
    deep = model.to_weights(VOCABULARY, USER_SCALE, ITEM_SCALE, config)
    return replace(deep, arrays=dict(deep.arrays) | no_factors(VOCABULARY.size, 6).arrays())


def towers() -> ModelWeights:
    model = small_dssm(VOCABULARY, user=(3, 2), item=(4, 4))
    return weights_of(model, VOCABULARY, USER_SCALE, ITEM_SCALE, (3, 4))


MODELS = pytest.mark.parametrize("model", [ranker(), towers()], ids=lambda model: model.kind)
NAMES = [(model, name) for model in (ranker(), towers()) for name in model.flat()]


def changed(model: ModelWeights, name: str, array: Any) -> ModelWeights:
    return restore(model.flat() | {name: array}, model.description())


def misfit(model: ModelWeights, user: SideWidth = USER, item: SideWidth = ITEM, map_size: int = MAP_SIZE) -> str:
    found = first_misfit(model, map_size, user, item)
    return f"{found.what}: expected {found.expected}" if found else ""


@MODELS
def test_a_model_as_it_was_trained_fits(model: ModelWeights) -> None:
    assert misfit(model) == ""
    one_dimensional = restore({name: np.ascontiguousarray(array) for name, array in model.flat().items()}, model.description())
    assert misfit(one_dimensional) == ""


@pytest.mark.parametrize(("model", "name"), NAMES, ids=lambda x: x if isinstance(x, str) else x.kind)
@pytest.mark.parametrize("change", [lambda a: np.concatenate([a, a]), lambda a: a[..., None], lambda a: a.astype(np.float64), lambda a: a[:-1]])
def test_an_array_of_another_shape_or_type_is_found(model: ModelWeights, name: str, change: Callable[[Any], Any]) -> None:
    other = change(np.atleast_1d(model.flat()[name]))
    assert misfit(changed(model, name, other))


@pytest.mark.parametrize(("model", "name"), NAMES, ids=lambda x: x if isinstance(x, str) else x.kind)
def test_an_array_that_is_missing_is_found(model: ModelWeights, name: str) -> None:
    if name.startswith("model."):
        less = replace(model, arrays={n: a for n, a in model.arrays.items() if f"model.{n}" != name})
        assert misfit(less)


@pytest.mark.parametrize(("model", "name"), NAMES, ids=lambda x: x if isinstance(x, str) else x.kind)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_found(model: ModelWeights, name: str, value: float) -> None:
    if name == "vocabulary.row":
        return
    array = np.array(model.flat()[name])
    array[(0,) * array.ndim] = value
    assert f"{name} holds values that are not finite" in misfit(changed(model, name, array)) or "scales" in misfit(changed(model, name, array))


@MODELS
def test_an_array_too_many_is_found(model: ModelWeights) -> None:
    assert "holds a strange model.extra" in misfit(changed(model, "model.extra", np.zeros(1, np.float32)))


@MODELS
def test_other_columns_and_another_map_are_found(model: ModelWeights) -> None:
    assert misfit(model, map_size=8) == "knows int32 [10] slots: expected int32 [9], those of its feature map"
    assert misfit(model, user=SideWidth(4, 1)) == "describes 7 fields: expected the 8 of its columns"
    assert misfit(model, user=SideWidth(4, 1), item=SideWidth(3, 2)) or model.kind == "deepfm"
    assert misfit(model, item=SideWidth(4, 1))


@MODELS
@pytest.mark.parametrize(
    "row", [[0, 7, 0, 8, 0, 10, 0, 0, 10, 0], [0, 7, 0, 8, 0, 11, 0, 0, 9, 0], [3, 7, 0, 8, 0, 10, 0, 0, 9, 0], [0, 7, 0, 8, 0, 2, 0, 0, 9, 0]]
)
def test_a_vocabulary_that_gives_a_row_twice_or_none_is_found(model: ModelWeights, row: list[int]) -> None:
    assert "rows of an embedding of 12" in misfit(changed(model, "vocabulary.row", np.array(row, np.int32)))


def test_the_embedding_has_the_rows_that_the_description_says() -> None:
    wide = changed(ranker(), "model.embedding", np.zeros((13, 5), np.float32))
    assert misfit(wide) == "model.embedding is float32 [13, 5]: expected float32 [12, 5]"


@pytest.mark.parametrize(
    "config", [{}, {"hotness_mean": 0.5, "hotness_std": 0.0}, {"hotness_mean": float("nan"), "hotness_std": 1.0}, {"hotness_mean": "", "hotness_std": 1.0}]
)
def test_a_ranker_that_cannot_read_hotness_is_found(config: dict[str, Any]) -> None:
    assert "holds no whole deepfm model" in misfit(replace(ranker(), config={"mix": ranker().config["mix"]} | config))


@pytest.mark.parametrize("without", ["factors.values", "factors.numbers", "factors.bias"])
def test_a_ranker_without_a_part_of_its_factor_model_is_found(without: str) -> None:
    arrays = {name: array for name, array in ranker().arrays.items() if name != without}
    assert without in misfit(replace(ranker(), arrays=arrays))


@pytest.mark.parametrize(
    ("mix", "wrong"),
    [
        (None, "by None"),
        ([1.0, 0.0, 0.0], "by [1.0, 0.0, 0.0]"),
        ({}, "by {}"),
        ({"deep": 1.0, "factors": 0.0}, "by {'deep': 1.0, 'factors': 0.0}"),
        ({"deep": 1.0, "factors": "half", "intercept": 0.0}, "'half'"),
        ({"deep": float("nan"), "factors": 0.0, "intercept": 0.0}, "nan"),
        ({"deep": 1.0, "factors": 0.0, "intercept": float("inf")}, "inf"),
        ({"deep": -0.1, "factors": 0.5, "intercept": 0.0}, "-0.1"),
    ],
)
def test_a_mix_that_cannot_be_used_is_found(mix: Any, wrong: str) -> None:
    found = misfit(replace(ranker(), config=dict(ranker().config) | {"mix": mix}))
    assert "weighs its parts (`mix`) by" in found
    assert wrong in found


def test_a_ranker_that_does_not_say_its_mix_is_found() -> None:
    config = {name: value for name, value in ranker().config.items() if name != "mix"}
    assert "does not say what its parts count (`mix`)" in misfit(replace(ranker(), config=config))


@pytest.mark.parametrize("heads", [0, 4, DIM + 1])
def test_a_recall_model_whose_heads_do_not_part_its_vectors_is_found(heads: int) -> None:
    assert f"{heads} heads" in misfit(replace(towers(), config=dict(towers().config) | {"heads": heads}))


@pytest.mark.parametrize("without", ["n_fields", "heads", "max_events"])
def test_a_recall_model_that_does_not_say_its_heads_fields_and_events_is_found(without: str) -> None:
    config = {name: value for name, value in towers().config.items() if name != without}
    assert "holds no whole dssm_pointwise model" in misfit(replace(towers(), config=config))


@pytest.mark.parametrize("fields", [{"user": 4, "item": 3}, {"user": 3}, 7])
def test_a_recall_model_of_other_fields_is_found(fields: Any) -> None:
    assert "holds no whole dssm_pointwise model" in misfit(replace(towers(), config=dict(towers().config) | {"n_fields": fields}))


def test_a_kind_that_is_not_known_is_found() -> None:
    assert "no such kind" in misfit(replace(ranker(), kind="transformer"))


@pytest.mark.parametrize("name", ["blend", "blend_newcomers"])
@pytest.mark.parametrize(
    ("weights", "wrong"),
    [
        ({}, "by {}"),
        (None, "by None"),
        ([1.0, 2.0], "by [1.0, 2.0]"),
        ({"dssm": 0.0, "hot": 0}, "by 0 alone"),
        ({"dssm": float("nan")}, "dssm by nan"),
        ({"dssm": 1.0, "hot": float("-inf")}, "hot by -inf"),
        ({"dssm": 1.0, "hot": "2"}, "hot by '2'"),
        ({"dssm": True}, "dssm by True"),
        ({"dssm": 1.0, "horoscope": 2.0}, "by a channel 'horoscope' that there is not"),
    ],
)
def test_weights_of_channels_that_cannot_be_used_are_found(name: str, weights: Any, wrong: str) -> None:
    model = towers()
    damaged = replace(model, config={**model.config, name: weights})
    assert f"weighs its channels (`{name}`) {wrong}: expected a finite number for some of dssm, hot," in misfit(damaged)


@pytest.mark.parametrize("blends", [{}, {"blend": {"dssm": 1}}, {"blend": {"hot": -0.5}, "blend_newcomers": {"dssm": 0.0, "lately_hot": 2.0}}])
def test_sound_weights_of_channels_fit_and_so_do_models_older_than_channels(blends: dict[str, Any]) -> None:
    model = towers()
    assert misfit(replace(model, config={k: v for k, v in model.config.items() if k != "blend"} | blends)) == ""
