"""A shop that keeps its clicks alone: with `--sample-negatives` it runs everything, and every figure says what it is against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from processed_shop import keep_clicks
from shop_project import QUICK_TRAINING, Api, Project, server_with_a_port

from homefeed.simulation.planted import PlantedTruth, planted_taste_shop


@dataclass(frozen=True, slots=True)
class Shop:
    project: Project
    truth: PlantedTruth
    api: Api
    said: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("project")
    truth = planted_taste_shop(folder / "data" / "raw_data", users=120, items=60)
    keep_clicks(folder / "data" / "raw_data" / "shop.dat")
    (folder / "homefeed.toml").write_text('seen = "keep"\n' + QUICK_TRAINING)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        said = project.inside("run", "--sample-negatives", "4", *project.address)
        with project.api() as api:
            yield Shop(project, truth, api, said)


def test_every_step_runs_and_says_what_was_drawn(shop: Shop) -> None:
    assert "drawn negatives, which are not counted above" in shop.said
    assert "click rate 100.00%" in shop.said
    assert "drawn negatives, not a click rate, hotness at each row's own moment" in shop.said
    assert "epoch 1, validation log loss against drawn negatives 0." in shop.said


def test_the_ranked_feed_is_what_its_user_likes(shop: Shop) -> None:
    shares = [shop.truth.share_liked(uid, shop.api.ids(f"/recommend/{uid}?top_k=10")) for uid in shop.truth.active[:30]]
    assert sum(shares) / len(shares) > 0.8


def test_the_release_names_its_figures_for_what_they_are(shop: Shop) -> None:
    record = json.loads(next((shop.project.folder / "data" / "releases").glob("*/release.json")).read_text())
    metrics = record.get("release", record)["metrics"]["deepfm"]
    assert metrics["auc_against_drawn_negatives"] > 0.7
    assert not {"auc", "gauc", "log_loss", "calibration_error"} & set(metrics)


def test_the_evaluation_says_it_on_the_console_and_on_the_page(shop: Shop) -> None:
    shop.project.inside("run", "--sample-negatives", "4", "--no-refit", "--no-export")
    said = shop.project.inside("evaluate")
    page = (shop.project.folder / "data" / "reports" / "evaluation.html").read_text()
    assert "Rank stage, each test click against 4 drawn negatives, not a click rate" in said
    assert "against drawn negatives, not a click rate" in page
    assert "impressions, click rates" not in page
