"""The nightly steps where something is missing or does not fit, and what a training run and `status` say."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from processed_shop import processed_shop
from store_servers import Server

from homefeed.artifacts.checkpoint import DEEPFM, read_checkpoint, write_checkpoint
from homefeed.artifacts.processed import read_dataset
from homefeed.artifacts.release_folder import read_live
from homefeed.bootstrap import jobs
from homefeed.bootstrap.measure import measure_rank, measure_recall
from homefeed.bootstrap.rollback import rollback
from homefeed.bootstrap.status import say_status
from homefeed.config import Config
from homefeed.core.errors import ArtifactError, StoreError
from homefeed.core.progress import Advance, Silent
from homefeed.store.location import StoreLocation, write_store_file
from homefeed.training.rank_deepfm import train_rank
from homefeed.training.recall_dssm import train_recall

QUICK = {"recall": {"max_epochs": 1, "output_dim": 8, "max_events": 20}, "rank": {"max_epochs": 1, "embedding_dim": 4}}


@dataclass
class Listener:
    lines: list[str] = field(default_factory=list)

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(lambda units: None)

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass(frozen=True, slots=True)
class Shop:
    """Both models fitted, nothing exported. ``location``: an empty database that is remembered as the store of the last export."""

    config: Config
    location: StoreLocation

    def export(self) -> str:
        return jobs.export(self.config, Silent(), self.location).id


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    processed_shop(data)
    config = config_of(data)
    jobs.train_recall_model(config, Silent(), objective="pointwise", refit=True)
    jobs.train_rank_model(config, Silent(), refit=True)
    return data


def config_of(data: Path) -> Config:
    return Config.model_validate({"paths": {"data": data, "models": data / "models"}, **QUICK})


@pytest.fixture
def shop(trained: Path, tmp_path: Path, valkey_server: Server) -> Shop:
    valkey_server.admin().flushall()
    shutil.copytree(trained, tmp_path / "data")
    write_store_file(tmp_path / "data" / "store.json", valkey_server.at(1))
    return Shop(config_of(tmp_path / "data"), valkey_server.at(1))


def test_two_models_of_which_one_saw_the_test_side_make_no_release(shop: Shop) -> None:
    jobs.train_rank_model(shop.config, Silent(), refit=False)
    with pytest.raises(ArtifactError, match=r"One of the two models has seen the test side.*homefeed run"):
        shop.export()
    assert not shop.config.paths.releases.exists()


def test_a_failed_export_leaves_the_store_file_and_the_live_release(shop: Shop) -> None:
    live = shop.export()
    (shop.config.paths.models / "deepfm.pth").unlink()
    with pytest.raises(ArtifactError, match="homefeed train rank"):
        shop.export()
    listener = Listener()
    assert say_status(shop.config, listener, datetime.now(UTC), redis_named=False)
    assert f"live release: {live}" in "\n".join(listener.lines)


def test_there_is_nothing_to_roll_back_to_after_the_first_export(shop: Shop) -> None:
    shop.export()
    with pytest.raises(StoreError):
        rollback(shop.config, Silent(), redis_named=False)


def test_a_release_without_its_bundle_is_not_brought_back(shop: Shop) -> None:
    first, second = shop.export(), shop.export()
    shutil.rmtree(shop.config.paths.releases / first)
    with pytest.raises(ArtifactError, match=first):
        rollback(shop.config, Silent(), redis_named=False)
    listener = Listener()
    say_status(shop.config, listener, datetime.now(UTC), redis_named=False)
    assert f"live release: {second}" in "\n".join(listener.lines)


def test_a_release_with_a_damaged_model_is_not_brought_back_and_status_tells(shop: Shop) -> None:
    first, second = shop.export(), shop.export()
    model = shop.config.paths.releases / first / "rank.safetensors"
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(ArtifactError, match=r"rank\.safetensors"):
        rollback(shop.config, Silent(), redis_named=False)
    listener = Listener()
    say_status(shop.config, listener, datetime.now(UTC), redis_named=False)
    told = "\n".join(listener.lines)
    assert f"live release: {second}" in told
    assert "warning:" in told
    assert "rank.safetensors" in told


def test_an_export_to_another_database_says_that_it_is_the_default_from_now_on(shop: Shop) -> None:
    shop.export()
    listener = Listener()
    jobs.export(shop.config, listener, replace(shop.location, db=shop.location.db + 5))
    assert any("from now on; until now" in line and f"database {shop.location.db}" in line for line in listener.lines)


def test_the_bundles_of_the_two_releases_in_reach_stay(shop: Shop) -> None:
    releases = [shop.export() for _ in range(3)]
    rollback(shop.config, Silent(), redis_named=False)
    releases += [shop.export() for _ in range(2)]
    assert set(releases[-2:]) <= {path.name for path in shop.config.paths.releases.iterdir()}
    assert rollback(shop.config, Silent(), redis_named=False).id == releases[-2]


def test_an_export_and_a_rollback_leave_the_live_release_on_disk(shop: Shop) -> None:
    first, second = shop.export(), shop.export()
    assert read_live(shop.config.paths.releases) == second
    rollback(shop.config, Silent(), redis_named=False)
    assert read_live(shop.config.paths.releases) == first


def test_a_release_of_another_map_is_no_previous_one(shop: Shop) -> None:
    shop.export()
    other = Shop(config_of(shop.config.paths.data.with_name("other")), shop.location)
    processed_shop(other.config.paths.data, users=50)
    jobs.train_recall_model(other.config, Silent(), objective="pointwise", refit=True)
    jobs.train_rank_model(other.config, Silent(), refit=True)
    jobs.export(other.config, Silent(), other.location, adopt=True)
    listener = Listener()
    say_status(shop.config, listener, datetime.now(UTC), redis_named=False)
    assert "within reach of `homefeed export --rollback`: none" in listener.lines
    with pytest.raises(StoreError, match="no release of the same map"):
        rollback(shop.config, Silent(), redis_named=False)


def test_status_says_that_nothing_is_live(shop: Shop) -> None:
    listener = Listener()
    assert not say_status(shop.config, listener, datetime.now(UTC), redis_named=False)
    assert "live release: none yet (homefeed export)" in listener.lines


def test_status_warns_of_an_old_release(shop: Shop) -> None:
    shop.export()
    listener = Listener()
    assert say_status(shop.config, listener, datetime.now(UTC) + timedelta(hours=49), redis_named=False)
    assert any("older than" in line for line in listener.lines)


def test_a_shop_that_nobody_clicks_in_on_the_test_side_gets_no_figures(shop: Shop) -> None:
    dataset = processed_shop(shop.config.paths.data)
    quiet = replace(dataset, test=replace(dataset.test, label=np.zeros_like(dataset.test.label)))
    recall = train_recall(quiet, "pointwise", shop.config.recall, shop.config.train, refit=False, progress=Silent()).reported
    rank = train_rank(quiet, shop.config.rank, shop.config.train, refit=False, progress=Silent()).reported
    listener = Listener()
    assert measure_recall(quiet, recall, shop.config.export, listener) == {}
    assert measure_rank(quiet, rank, listener) == {}
    assert all(line.startswith("No figures: ") for line in listener.lines)


def test_measuring_a_model_that_saw_the_test_side_is_refused(shop: Shop) -> None:
    dataset = processed_shop(shop.config.paths.data)
    fitted = train_rank(dataset, shop.config.rank, shop.config.train, refit=True, progress=Silent())
    assert measure_rank(dataset, fitted.reported, Silent())
    with pytest.raises(ArtifactError, match="has seen rows of the test side"):
        measure_rank(dataset, fitted.served, Silent())


def test_an_export_keeps_what_the_ranker_says_of_the_last_day_and_warns_where_that_is_not_what_was_clicked(shop: Shop) -> None:
    sound, listener = Listener(), Listener()
    figures = jobs.export(shop.config, sound, shop.location).metrics["calibration"]
    assert set(figures) == {"last_day_rows", "last_day_mean_p_click", "last_day_click_rate", "last_day_drift"}
    assert abs(figures["last_day_drift"]) < 0.2
    models, meta = shop.config.paths.models, read_dataset(shop.config.paths.processed).meta
    rank = read_checkpoint(models, DEEPFM, meta)
    mix = dict(rank.model.config["mix"]) | {"intercept": rank.model.config["mix"]["intercept"] + 1}
    write_checkpoint(models, DEEPFM, replace(rank, model=replace(rank.model, config=dict(rank.model.config) | {"mix": mix})))
    assert jobs.export(shop.config, listener, shop.location).metrics["calibration"]["last_day_drift"] > 0.3
    warning = next(line for line in listener.lines if line.startswith("WARNING: the ranker expects "))
    assert "docs/ranking.md" in warning
    assert not any(line.startswith("WARNING") for line in sound.lines)
