"""Before the first export, and after: what probes and the feed answer, without a restart."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_api import publish, running
from small_release import small_bundle
from store_servers import free_port
from waiting import eventually

from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation, write_store_file

FEED = ("/recommend/bob", "/recall/bob")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    location = StoreLocation("embedded", 1, folder=tmp_path / "store")
    with connect(location, 5.0) as store:
        write_store_file(tmp_path / "store.json", location)
        yield store


@pytest.mark.parametrize("workers", ["1", "3"])
def test_an_api_without_a_release_lives_is_not_ready_and_recovers_with_the_first_export(tmp_path: Path, store: Store, workers: str) -> None:
    with running(tmp_path, RECSYS_API_WORKERS=workers) as api:
        assert api.get("/live") == (200, {"live": True})
        for path in ("/ready", *FEED):
            status, answer = api.get(path)
            assert (status, answer["error"]["code"]) == (503, "no_release")
        status, health = api.get("/health")
        assert (status, health["release"]) == (503, None)
        assert "RankService initialized" not in api.log.read_text()
        publish(store, tmp_path, small_bundle())
        assert eventually(lambda: all(api.get("/ready") == (200, {"ready": True}) for _ in range(9)))
        assert [api.get(path)[0] for path in ("/live", "/health", *FEED)] == [200] * 4
        assert eventually(lambda: api.log.read_text().count("RankService initialized") == int(workers))


def test_live_answers_whatever_has_become_of_the_store(tmp_path: Path) -> None:
    with running(tmp_path, RECSYS_REDIS_HOST="127.0.0.1", RECSYS_REDIS_PORT=str(free_port())) as api:
        assert api.get("/health")[0] == 503
        assert api.get("/live") == (200, {"live": True})
        assert api.get("/ready")[0] == 503


def test_metrics_speak_of_the_live_release_alone(tmp_path: Path, store: Store) -> None:
    with running(tmp_path) as api:
        assert "homefeed_release" not in api.text("/metrics")[2]
        for release_id in ("r1", "r2", "r3"):
            publish(store, tmp_path, small_bundle(release_id))
            assert eventually(lambda current=release_id: api.metric(f'homefeed_release_info{{release="{current}"}}') == 1)  # type: ignore[misc]
        told = api.text("/metrics")[2]
        assert told.count("homefeed_release_info{") == 1
        assert "homefeed_release_age_seconds " in told


@pytest.mark.skipif(sys.platform != "linux", reason="the counters' folder is found in /proc")
def test_a_folder_of_counters_that_somebody_cleans_away_costs_counters_and_no_request(tmp_path: Path, store: Store) -> None:
    publish(store, tmp_path, small_bundle())
    with running(tmp_path) as api:
        (worker,) = (pid for pid in api.workers() if "homefeed-counters-" in Path(f"/proc/{pid}/maps").read_text())
        found = re.search(r"(/\S*homefeed-counters-[^/]+)/", Path(f"/proc/{worker}/maps").read_text())
        assert found
        shutil.rmtree(found.group(1))
        assert [api.get(path)[0] for path in ("/live", "/ready", "/health", *FEED, "/recommend/")] == [200] * 5 + [400]
        assert api.text("/metrics")[0] == 200
        os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: api.answers() and api.workers() - {worker} != set())
        assert [api.get(path)[0] for path in FEED] == [200, 200]
        assert api.metric('homefeed_requests_total{route="recommend",status="200"}') == 1
