"""A fitted model on disk. It describes itself: weights, config, whose map, which rows it has seen, how well it did."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, get_args

import numpy as np
import torch

from homefeed.artifacts.dataset_meta import DatasetMeta
from homefeed.artifacts.disk import whole_file
from homefeed.core.columns import Column, categories, multis, numbers
from homefeed.core.errors import ArtifactError
from homefeed.features.feature_map import Fingerprint
from homefeed.models.shapes import SideWidth, first_misfit
from homefeed.models.weights import ModelWeights, restore

POINTWISE, INBATCH, DEEPFM = "dssm_pointwise", "dssm_inbatch", "deepfm"
TRAIN_COMMAND = {POINTWISE: "homefeed train recall", INBATCH: "homefeed train recall --objective inbatch", DEEPFM: "homefeed train rank"}

_SEAL, _SEAL_BYTES = b"sha256:", len(b"sha256:") + 64

RowsSeen = Literal["fit", "train", "all"]
"""Train rows less a validation slice; train rows; train and test rows."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``inputs``: the columns it reads (``Schema.model_inputs``). ``fitted_until_us``: the last moment whose rows it has seen.

    ``split_id``: the split that "train" refers to.
    """

    model: ModelWeights
    fingerprint: Fingerprint
    inputs: str
    rows_seen: RowsSeen
    split_id: str
    fitted_until_us: int
    metrics: Mapping[str, float]


def reported(name: str) -> str:
    """Name of the model that has seen the train side alone, whose figures on the test side are reported."""
    return f"{name}.report"


def checkpoint_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.pth"


def write_checkpoint(folder: Path, name: str, checkpoint: Checkpoint) -> Path:
    """Write ``<name>.pth`` whole or not at all. Raises ``ArtifactError`` on a full disk."""
    path = checkpoint_path(folder, name)
    state = {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in checkpoint.model.flat().items()}
    about = {
        "model": checkpoint.model.description(),
        "fingerprint": str(checkpoint.fingerprint),
        "inputs": checkpoint.inputs,
        "rows_seen": checkpoint.rows_seen,
        "split_id": checkpoint.split_id,
        "fitted_until_us": checkpoint.fitted_until_us,
        "metrics": dict(checkpoint.metrics),
    }
    content = io.BytesIO()  # torch that writes into a full disk itself says nothing of the disk
    torch.save({"state": state, "about": json.dumps(about)}, content)
    with whole_file(path) as fresh:
        fresh.write_bytes(_sealed(content.getvalue()))
    return path


def read_checkpoint(folder: Path, name: str, meta: DatasetMeta) -> Checkpoint:
    """The checkpoint, proven to fit the feature map and the columns of ``meta``.

    Raises ``ArtifactError`` when it is missing, damaged, made with another shop's map or other columns, or of other dimensions than these say.
    """
    path, kind = checkpoint_path(folder, name), name.removesuffix(".report")
    train_it = f"Train it: {TRAIN_COMMAND[kind]}"
    if not path.exists():
        raise ArtifactError(f"No {name} checkpoint at {path}", next_step=train_it)
    checkpoint = _read(path, train_it)
    for what, expected in _misfits(checkpoint, kind, meta):
        raise ArtifactError(f"{path} {what}", expected=expected, next_step=train_it)
    return checkpoint


def refuse_if_it_saw_the_test_side(checkpoint: Checkpoint, name: str, meta: DatasetMeta) -> None:
    """Raises ``ArtifactError`` unless the model has seen no row of this dataset's test side. Whatever measures calls this first."""
    if checkpoint.rows_seen != "all" and checkpoint.split_id == meta.split.id:
        return
    if meta.split.kind == "global" and checkpoint.fitted_until_us < meta.split.test_from_us:
        return
    raise ArtifactError(
        f"{name}.pth has seen rows of the test side; figures measured with it would flatter",
        expected=f"a model of split {meta.split.id} fitted on its train side",
        next_step=f"Train again: {TRAIN_COMMAND[name.removesuffix('.report')]}",
    )


def _sealed(archive: bytes) -> bytes:
    """The zip file with the checksum of all of it as its comment, which torch and every other reader pass over."""
    body = archive[:-2] + _SEAL_BYTES.to_bytes(2, "little")
    return body + _SEAL + hashlib.sha256(body).hexdigest().encode()


def _read(path: Path, train_it: str) -> Checkpoint:
    try:
        content = path.read_bytes()
        if _is_damaged(content):
            raise ArtifactError(f"{path} is damaged (checksum differs)", next_step=train_it)
        return _parse(torch.load(io.BytesIO(content), weights_only=True))
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, UnpicklingError) as error:
        raise ArtifactError(f"{path} is not a homefeed checkpoint, or is damaged ({type(error).__name__})", next_step=train_it) from error


def _misfits(checkpoint: Checkpoint, kind: str, meta: DatasetMeta) -> Iterator[tuple[str, str]]:
    """What it is and what was expected, where it does not fit the data."""
    if not meta.lineage.fits(checkpoint.fingerprint):
        yield f"was made with another feature map ({checkpoint.fingerprint})", f"one of the lineage of {meta.lineage.fingerprint}"
    if checkpoint.inputs != meta.schema.model_inputs():
        yield f"reads other columns ({checkpoint.inputs})", f"those of the data ({meta.schema.model_inputs()})"
    if checkpoint.model.kind != kind:
        yield f"holds a {checkpoint.model.kind} model", kind
    misfit = first_misfit(checkpoint.model, checkpoint.fingerprint.size, _width(meta.schema.user), _width(meta.schema.item))
    if misfit:
        yield f"has weights that cannot be used: {misfit.what}", misfit.expected


def _is_damaged(archive: bytes) -> bool:
    """Whether a byte differs: torch checks none, and would hand out other weights. Files without a checksum are older than it."""
    body, seal = archive[:-_SEAL_BYTES], archive[-_SEAL_BYTES:]
    return seal.startswith(_SEAL) and seal != _SEAL + hashlib.sha256(body).hexdigest().encode()


def _width(columns: tuple[Column, ...]) -> SideWidth:
    return SideWidth(1 + len(categories(columns)) + len(multis(columns)), len(numbers(columns)))


def _parse(content: Any) -> Checkpoint:
    about = json.loads(content["about"])
    model = restore({key: tensor.numpy() for key, tensor in content["state"].items()}, about["model"])
    fingerprint = Fingerprint.parse(about["fingerprint"])
    if about["rows_seen"] not in get_args(RowsSeen):
        raise ValueError(f"rows seen: {about['rows_seen']!r}")
    return Checkpoint(model, fingerprint, about["inputs"], about["rows_seen"], about["split_id"], about["fitted_until_us"], about["metrics"])
