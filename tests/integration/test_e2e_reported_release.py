"""A release that knows nothing after the split, and figures that no model may flatter: `--no-refit`, per user, through the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from shop_project import QUICK_TRAINING, Project, server_with_a_port

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_reader import read_bundle
from homefeed.artifacts.checkpoint import read_checkpoint
from homefeed.artifacts.processed import ProcessedDataset, read_dataset
from homefeed.core.errors import ArtifactError
from homefeed.simulation.planted import planted_taste_shop


@dataclass(frozen=True, slots=True)
class Shop:
    project: Project
    dataset: ProcessedDataset
    bundle: Bundle


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("project")
    planted_taste_shop(folder / "data" / "raw_data", users=120, items=60)
    (folder / "homefeed.toml").write_text('seen = "exclude"\n' + QUICK_TRAINING)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        project.inside("run", "--no-refit", "--split", "per-user", *project.address)
        bundle = read_bundle(next((folder / "data" / "releases").glob("*/release.json")).parent)
        yield Shop(project, read_dataset(project.processed), bundle)


@pytest.mark.parametrize("name", ["dssm_pointwise", "deepfm"])
def test_what_is_served_is_what_was_measured(name: str, shop: Shop) -> None:
    served, reported = (read_checkpoint(shop.project.models, n, shop.dataset.meta) for n in (name, f"{name}.report"))
    for checkpoint in (served, reported):
        assert checkpoint.rows_seen == "train"
        assert checkpoint.split_id == shop.dataset.meta.split.id
        assert checkpoint.fitted_until_us == shop.dataset.meta.train_end_us
        assert len(checkpoint.metrics) > 3
    for array, same in zip(served.model.flat().values(), reported.model.flat().values(), strict=True):
        np.testing.assert_array_equal(array, same)


def test_the_release_carries_hotness_and_clicks_of_the_train_rows_alone(shop: Shop) -> None:
    dataset, bundle = shop.dataset, shop.bundle
    np.testing.assert_array_equal(bundle.hotness, dataset.facts.hotness_split)
    assert not np.array_equal(dataset.facts.hotness_split, dataset.facts.hotness_end)
    clicked = dataset.train.label > 0
    expected: dict[int, set[int]] = {}
    for user, item in zip(dataset.train.user[clicked].tolist(), dataset.train.item[clicked].tolist(), strict=True):
        expected.setdefault(user, set()).add(item)
    assert {row: set(bundle.seen.of(row).tolist()) for row in range(len(bundle.users)) if len(bundle.seen.of(row))} == expected
    assert datetime.fromisoformat(bundle.release.fitted_until) == datetime.fromtimestamp(dataset.meta.train_end_us // 1_000_000, UTC)


def test_redis_holds_the_hot_list_of_the_train_rows_and_no_train_click_in_a_list(shop: Shop) -> None:
    client, bundle = shop.project.client(), shop.bundle
    hot = dict(client.zrange("global_hot", 0, -1, withscores=True))
    assert hot == pytest.approx({bundle.items.ids[row]: float(bundle.hotness[row]) for row in range(1, len(bundle.items))})
    for row in range(1, len(bundle.users)):
        listed = set(client.zrange(f"recall:{bundle.users.slots[row, 0]}", 0, -1))
        seen = {bundle.items.ids[item] for item in bundle.seen.of(row)}
        assert listed == set(bundle.items.ids[1:]) - seen


def test_evaluate_measures_the_reported_models_and_saves_its_report(shop: Shop) -> None:
    printed = shop.project.inside("evaluate")
    assert "popularity" in printed
    reports = {path.suffix for path in (shop.project.folder / "data" / "reports").rglob("*") if path.is_file()}
    assert {".json", ".html"} <= reports


@pytest.mark.parametrize("name", ["dssm_pointwise", "deepfm"])
def test_a_model_that_saw_the_test_side_is_refused_by_name(name: str, shop: Shop, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(shop.project.models, models)
    _mark_as_refitted(models / f"{name}.report.pth")
    with pytest.raises(ArtifactError, match=rf"{name}\.report\.pth has seen rows of the test side.*homefeed train"):
        shop.project.inside("evaluate", "--models", str(models))


def _mark_as_refitted(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    torch.save(content | {"about": json.dumps(json.loads(content["about"]) | {"rows_seen": "all"})}, path)
