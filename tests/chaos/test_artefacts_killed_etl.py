"""An ETL that is killed at any moment leaves the old tables or the new ones, or says that it has to run again; the map of slots is whole in any case."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from shop_project import environment

from homefeed.artifacts.dataset_meta import META
from homefeed.artifacts.processed import read_dataset
from homefeed.artifacts.processed_writer import STAGING, read_feature_map, staged
from homefeed.bootstrap.jobs import etl
from homefeed.config import Config
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Silent
from homefeed.simulation.planted import planted_taste_shop


class Stopped(BaseException):
    """Stands for the end of the process: nothing but clean-up runs after it."""


class Nights:
    """A shop's data folder of one night, and log lines of the next: another log, and users and items that the map does not know."""

    def __init__(self, data: Path) -> None:
        self.data, self.processed, self.raw = data, data / "processed", data / "raw_data"
        planted_taste_shop(self.raw, users=60, cold_users=6, items=30)
        self.config = Config.model_validate({"paths": {"data": str(data)}})
        etl(self.config, Silent())
        self.slots = self.slots_now()
        self.grown = 0

    def next_night(self) -> None:
        self.grown += 1
        log = self.raw / "shop.dat"
        lines = log.read_text().splitlines()
        ts, _, _, label = lines[-1].split(",")
        log.write_text("\n".join([*lines, *(f"{ts},new {self.grown} {n},item {self.grown} {n},{label}" for n in range(5))]) + "\n")

    def slots_now(self) -> dict[str, int]:
        known = read_feature_map(self.processed)
        assert known is not None
        names = known[1].select(pl.concat_str("field", pl.lit("="), "value"), "slot")
        return dict(names.iter_rows())

    def is_whole(self) -> None:
        """The map holds every slot that was ever given, unchanged; the tables are one run's, or are refused with what to do."""
        slots = self.slots_now()
        assert slots.items() >= self.slots.items()
        self.slots = slots
        try:
            dataset = read_dataset(self.processed)
        except ArtifactError as error:
            assert "homefeed etl" in str(error)  # noqa: PT017 - either way is right
            assert not (self.processed / META).exists()
            return
        assert dataset.meta.rows["train"] == len(dataset.train)
        assert dataset.meta.lineage.size <= len(slots)


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_an_etl_stopped_between_any_two_moves_leaves_no_mix_and_a_whole_map(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, without_a_dataset, moves = os.replace, 0, 0
    while True:
        nights.next_night()
        left = [moves]

        def counted(source: Path, target: Path, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Stopped
            replace(source, target)

        monkeypatch.setattr(os, "replace", counted)
        try:
            etl(nights.config, Silent())
            break
        except Stopped:
            moves += 1
        nights.is_whole()
        without_a_dataset += not (nights.processed / META).exists()
    nights.is_whole()
    assert moves >= 10
    assert without_a_dataset == moves
    assert len(read_dataset(nights.processed).train)


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.long)])
def test_an_etl_killed_at_random_moments_leaves_no_mix_and_a_whole_map(kills: int, nights: Nights) -> None:
    rng, killed = random.Random(kills), 0
    words = [sys.executable, "-m", "homefeed", "etl", "--data", str(nights.data)]
    for _ in range(kills):
        nights.next_night()
        with subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            _wait_for_the_staging_folder(process, nights.processed / STAGING)
            time.sleep(rng.uniform(0, 0.4))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        nights.is_whole()
    assert killed
    etl(nights.config, Silent())
    nights.is_whole()
    assert len(read_dataset(nights.processed).train)
    assert not (nights.processed / STAGING).exists()


def test_what_a_killed_run_left_does_not_get_into_the_next_ones_tables(nights: Nights) -> None:
    (nights.processed / STAGING).mkdir()
    (nights.processed / STAGING / "train.csv").write_text("half")
    with staged(nights.processed) as folder:
        assert list(folder.iterdir()) == []
        (folder / META).write_text((nights.processed / META).read_text())
    assert "half" not in (nights.processed / "train.csv").read_text()


def _wait_for_the_staging_folder(process: subprocess.Popen[bytes], staging: Path) -> None:
    """A run that was killed left one; the next one removes it first."""
    left = staging.stat().st_ino if staging.exists() else None
    while process.poll() is None and (not staging.exists() or staging.stat().st_ino == left):
        time.sleep(0.001)
