"""Whether a model's arrays are what its map, its columns and its own description say: dimensions, types, values that are numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, pairwise, takewhile
from typing import Any

import numpy as np

from homefeed.features.history import GAP_BUCKETS
from homefeed.models.channels.names import BLEND, CHANNELS, NEWCOMERS
from homefeed.models.dimensions import dimensions_of
from homefeed.models.factors import PREFIX as FACTORS
from homefeed.models.mix import Mix
from homefeed.models.orders import PREFIX as OF_ORDERS
from homefeed.models.orders import WORTH
from homefeed.models.weights import Array, ModelWeights

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SideWidth:
    """One side of a schema: fields (the id, categories, bags) and number columns."""

    fields: int
    numbers: int


@dataclass(frozen=True, slots=True)
class Misfit:
    what: str
    expected: str


def first_misfit(model: ModelWeights, map_size: int, user: SideWidth, item: SideWidth) -> Misfit | None:
    """``map_size``: slots of the feature map that the model was fitted with. None when everything fits."""
    return next(_misfits(model, map_size, user, item), None)


def _misfits(model: ModelWeights, map_size: int, user: SideWidth, item: SideWidth) -> Iterator[Misfit]:
    yield from _of_vocabulary(model, map_size, user.fields + item.fields)
    try:
        shapes = _shapes(model, user, item)
    except (LookupError, TypeError, ValueError) as error:
        yield Misfit(f"holds no whole {model.kind} model ({type(error).__name__}: {error})", "all of its arrays")
        return
    if model.kind == "deepfm":
        yield from _of_mix(model.config)
    for name in (BLEND, NEWCOMERS):
        if name in model.config and (wrong := _wrong_with_weights(model.config[name])):
            yield Misfit(f"weighs its channels (`{name}`) {wrong}", f"a finite number for some of {', '.join(CHANNELS)}, not all 0")
    yield from _of_shapes(model.flat(), shapes | _encoding_shapes(map_size, user, item))
    for name, scale in (("user", model.user_scale), ("item", model.item_scale)):
        if not (scale.std > 0).all():
            yield Misfit(f"scales {name} numbers by {scale.std.tolist()}", "standard deviations above 0")
    if (worth := model.arrays.get(WORTH)) is not None and (worth < 0).any():
        yield Misfit(f"model.{WORTH} says that some orders are worth {worth.min()}", "numbers from 0 on")


def _of_mix(config: Mapping[str, Any]) -> Iterator[Misfit]:
    expected = "finite numbers for `deep`, `factors` (both 0 or more) and `intercept`"
    try:
        Mix.of(config)
    except (LookupError, TypeError, ValueError):
        said = f"weighs its parts (`mix`) by {config['mix']!r}" if "mix" in config else "does not say what its parts count (`mix`)"
        yield Misfit(said, expected)


def _wrong_with_weights(weights: object) -> str | None:
    """None where they are weights of channels."""
    if not isinstance(weights, Mapping) or not weights:
        return f"by {weights!r}"
    if strange := [name for name in weights if name not in CHANNELS]:
        return f"by a channel {strange[0]!r} that there is not"
    broken = [name for name, weight in weights.items() if not isinstance(weight, int | float) or isinstance(weight, bool) or not np.isfinite(weight)]
    if broken:
        return f"{broken[0]} by {weights[broken[0]]!r}"
    return None if any(weights.values()) else "by 0 alone"


def _of_vocabulary(model: ModelWeights, map_size: int, n_fields: int) -> Iterator[Misfit]:
    vocabulary, row = model.vocabulary, model.vocabulary.row
    if vocabulary.n_fields != n_fields:
        yield Misfit(f"describes {vocabulary.n_fields} fields", f"the {n_fields} of its columns")
    if row.shape != (map_size + 1,) or row.dtype.kind != "i":
        yield Misfit(f"knows {_described(row)} slots", f"int32 [{map_size + 1}], those of its feature map")
    elif row[0] or not np.array_equal(np.sort(row[row != 0]), np.arange(vocabulary.n_fields, vocabulary.size - 1)):
        yield Misfit(f"gives {np.count_nonzero(row)} slots rows of an embedding of {vocabulary.size}", "each slot that it knows to have one row of its own")


def _of_shapes(arrays: Mapping[str, Array], shapes: Mapping[str, Shape]) -> Iterator[Misfit]:
    for name in sorted(shapes.keys() ^ arrays.keys()):
        yield Misfit(f"{'lacks' if name in shapes else 'holds a strange'} {name}", "the arrays of its kind of model and no others")
    for name, shape in shapes.items():
        array = np.atleast_1d(arrays[name])
        wanted = np.int32 if name == "vocabulary.row" else np.float32
        if array.shape != shape or array.dtype != wanted:
            yield Misfit(f"{name} is {_described(array)}", f"{np.dtype(wanted)} {list(shape)}")
        elif not np.isfinite(array).all():
            yield Misfit(f"{name} holds values that are not finite", "numbers")


def _shapes(model: ModelWeights, user: SideWidth, item: SideWidth) -> dict[str, Shape]:
    """Widths that a configuration chooses (an embedding's, a layer's) are read off one array; all others must follow from them."""
    if model.kind.startswith("dssm"):
        shapes = _dssm(model, user, item)
    elif model.kind == "deepfm":
        shapes = _deepfm(model, user, item)
    else:
        raise ValueError("no such kind")
    return {f"model.{name}": shape for name, shape in shapes.items()}


def _dssm(model: ModelWeights, user: SideWidth, item: SideWidth) -> dict[str, Shape]:
    arrays, said = model.arrays, model.config["n_fields"]
    if said != {"user": user.fields, "item": item.fields}:
        raise ValueError(f"fields {said}")
    size, dim = dimensions_of(model), arrays["embedding.weight"].shape[1]
    if size.heads < 1 or dim % size.heads:
        raise ValueError(f"{size.heads} heads")
    norm: dict[str, Shape] = {"weight": (dim,), "bias": (dim,)}
    shapes: dict[str, Shape] = {"embedding.weight": (model.vocabulary.size, dim), "bias.weight": (model.vocabulary.size, 1)}
    shapes |= {"user_token.weight": (dim, user.fields * dim + 2 * user.numbers), "user_token.bias": (dim,), "item_numbers": (dim, 2 * item.numbers)}
    shapes |= {"encoder.clicked.weight": (2, dim), "encoder.gap.weight": (GAP_BUCKETS, dim), "encoder.place.weight": (1 + model.config["max_events"], dim)}
    shapes |= {f"encoder.norm.{part}": shape for part, shape in norm.items()}
    for k in range(size.layers):
        block = f"encoder.blocks.{k}"
        shapes |= {f"{block}.{name}.{part}": shape for name in ("norm_attention", "norm_hidden") for part, shape in norm.items()}
        shapes |= {f"{block}.query_key_value.weight": (3 * dim, dim), f"{block}.attended.weight": (dim, dim)}
        shapes |= {f"{block}.hidden.weight": (2 * dim, dim), f"{block}.hidden.bias": (2 * dim,)}
        shapes |= {f"{block}.out.weight": (dim, 2 * dim), f"{block}.out.bias": (dim,)}
    return shapes


def _deepfm(model: ModelWeights, user: SideWidth, item: SideWidth) -> dict[str, Shape]:
    arrays, config = model.arrays, model.config
    if not (np.isfinite(config["hotness_mean"]) and config["hotness_std"] > 0):
        raise ValueError(f"hotness scaled by {config['hotness_mean']}, {config['hotness_std']}")
    dim, n_dense = arrays["embedding"].shape[1], 2 * (user.numbers + item.numbers) + 1
    hidden = [len(arrays[name]) for name in takewhile(arrays.__contains__, (f"mlp.{k}.bias" for k in count()))][:-1]
    shapes: dict[str, Shape] = {"embedding": (model.vocabulary.size, dim), "linear": (model.vocabulary.size,), "bias": (1,), "dense_linear": (n_dense,)}
    for k, (width, height) in enumerate(pairwise([(user.fields + item.fields) * dim + n_dense, *hidden, 1])):
        shapes |= {f"mlp.{k}.weight": (height, width), f"mlp.{k}.bias": (height,)}
    shapes |= _factors(model, FACTORS, n_dense - 1)
    if any(name.startswith(OF_ORDERS) for name in arrays):
        shapes |= _factors(model, OF_ORDERS, n_dense - 1) | {WORTH: (model.vocabulary.size,)}
    return shapes


def _factors(model: ModelWeights, prefix: str, n_numbers: int) -> dict[str, Shape]:
    of_values = model.arrays[f"{prefix}values"].shape[1]
    return {f"{prefix}values": (model.vocabulary.size, of_values), f"{prefix}numbers": (n_numbers, of_values), f"{prefix}bias": (2,)}


def _encoding_shapes(map_size: int, user: SideWidth, item: SideWidth) -> dict[str, Shape]:
    scales: dict[str, Shape] = {f"{name}_scale.{part}": (side.numbers,) for name, side in (("user", user), ("item", item)) for part in ("mean", "std")}
    return scales | {"vocabulary.row": (map_size + 1,)}


def _described(array: Array) -> str:
    return f"{array.dtype} {list(array.shape)}"
