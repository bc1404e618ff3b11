"""A fitted model on disk. It describes itself: weights, config, whose map, which rows it has seen, how well it did."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import numpy as np
import torch

from homefeed.artifacts.processed import DatasetMeta
from homefeed.core.errors import ArtifactError
from homefeed.features.feature_map import Fingerprint
from homefeed.models.weights import ModelWeights, restore

POINTWISE, INBATCH, DEEPFM = "dssm_pointwise", "dssm_inbatch", "deepfm"
TRAIN_COMMAND = {POINTWISE: "homefeed train recall", INBATCH: "homefeed train recall --objective inbatch", DEEPFM: "homefeed train rank"}

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
    """Write ``<name>.pth`` whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
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
    staging = path.with_suffix(".pth.tmp")
    torch.save({"state": state, "about": json.dumps(about)}, staging)
    os.replace(staging, path)
    return path


def read_checkpoint(folder: Path, name: str, meta: DatasetMeta) -> Checkpoint:
    """The checkpoint, proven to fit the feature map and the columns of ``meta``.

    Raises ``ArtifactError`` when it is missing, broken, or made with another shop's map or other columns.
    """
    path = checkpoint_path(folder, name)
    train_it = f"Train it: {TRAIN_COMMAND[name.removesuffix('.report')]}"
    if not path.exists():
        raise ArtifactError(f"No {name} checkpoint at {path}", next_step=train_it)
    try:
        checkpoint = _parse(torch.load(path, weights_only=True))
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, UnpicklingError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} is not a homefeed checkpoint ({type(error).__name__})", next_step=train_it) from error
    if not meta.lineage.fits(checkpoint.fingerprint):
        theirs, ours = checkpoint.fingerprint, meta.lineage.fingerprint
        raise ArtifactError(f"{path} was made with another feature map ({theirs})", expected=f"one of the lineage of {ours}", next_step=train_it)
    if checkpoint.inputs != meta.schema.model_inputs():
        raise ArtifactError(
            f"{path} reads other columns ({checkpoint.inputs})", expected=f"those of the data ({meta.schema.model_inputs()})", next_step=train_it
        )
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


def _parse(content: Any) -> Checkpoint:
    about = json.loads(content["about"])
    model = restore({key: tensor.numpy() for key, tensor in content["state"].items()}, about["model"])
    fingerprint = Fingerprint.parse(about["fingerprint"])
    return Checkpoint(model, fingerprint, about["inputs"], about["rows_seen"], about["split_id"], about["fitted_until_us"], about["metrics"])
