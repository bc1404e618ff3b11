"""A fitted model on disk. It describes itself: weights, config, whose map, which rows it has seen, how well it did."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, get_args

import numpy as np
import torch

from homefeed.artifacts.disk import whole_file
from homefeed.artifacts.processed import DatasetMeta
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
    path = checkpoint_path(folder, name)
    train_it = f"Train it: {TRAIN_COMMAND[name.removesuffix('.report')]}"
    if not path.exists():
        raise ArtifactError(f"No {name} checkpoint at {path}", next_step=train_it)
    try:
        content = path.read_bytes()
        _refuse_damage(content)
        checkpoint = _parse(torch.load(io.BytesIO(content), weights_only=True))
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, UnpicklingError) as error:
        raise ArtifactError(f"{path} is not a homefeed checkpoint, or is damaged ({type(error).__name__})", next_step=train_it) from error
    if not meta.lineage.fits(checkpoint.fingerprint):
        theirs, ours = checkpoint.fingerprint, meta.lineage.fingerprint
        raise ArtifactError(f"{path} was made with another feature map ({theirs})", expected=f"one of the lineage of {ours}", next_step=train_it)
    if checkpoint.inputs != meta.schema.model_inputs():
        raise ArtifactError(
            f"{path} reads other columns ({checkpoint.inputs})", expected=f"those of the data ({meta.schema.model_inputs()})", next_step=train_it
        )
    kind = name.removesuffix(".report")
    if checkpoint.model.kind != kind:
        raise ArtifactError(f"{path} holds a {checkpoint.model.kind} model", expected=kind, next_step=train_it)
    misfit = first_misfit(checkpoint.model, checkpoint.fingerprint.size, _width(meta.schema.user), _width(meta.schema.item))
    if misfit:
        raise ArtifactError(f"The weights in {path} cannot be used: {misfit.what}", expected=misfit.expected, next_step=train_it)
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


def _refuse_damage(archive: bytes) -> None:
    """Raises ``ValueError`` where a byte differs: torch checks none, and would hand out other weights. Files without a checksum are older than it."""
    body, seal = archive[:-_SEAL_BYTES], archive[-_SEAL_BYTES:]
    if seal.startswith(_SEAL) and seal != _SEAL + hashlib.sha256(body).hexdigest().encode():
        raise ValueError("the checksum differs")


def _width(columns: tuple[Column, ...]) -> SideWidth:
    return SideWidth(1 + len(categories(columns)) + len(multis(columns)), len(numbers(columns)))


def _parse(content: Any) -> Checkpoint:
    about = json.loads(content["about"])
    model = restore({key: tensor.numpy() for key, tensor in content["state"].items()}, about["model"])
    fingerprint = Fingerprint.parse(about["fingerprint"])
    if about["rows_seen"] not in get_args(RowsSeen):
        raise ValueError(f"rows seen: {about['rows_seen']!r}")
    return Checkpoint(model, fingerprint, about["inputs"], about["rows_seen"], about["split_id"], about["fitted_until_us"], about["metrics"])
