"""What is counted, and what never stands in a label."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from small_release import small_bundle

from homefeed.api.exposition import WorkerState, exposition
from homefeed.api.telemetry import Telemetry
from homefeed.core.slate import Slate, SlateItem

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def read(text: bytes) -> dict[str, float]:
    samples = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    return {f"{s.name}{{{','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}}}": s.value for s in samples}


def told(telemetry: Telemetry, state: WorkerState | None = None) -> dict[str, float]:
    return read(exposition(telemetry.registry, None, state or WorkerState(None, breaker_is_open=False), NOW))


def a_slate(**changes: object) -> Slate:
    fields = {"degraded": (), "is_short": False, "is_cold_start": False, "seconds": {"receive": 0.0002, "score": 0.00004}} | changes
    return Slate("q", "a-uid", "rank", (SlateItem("item", 0.5, 1, "hot"),), release="r1", **fields)  # type: ignore[arg-type]


def test_requests_are_counted_and_timed_by_route() -> None:
    telemetry = Telemetry(CollectorRegistry())
    for seconds in (0.0004, 0.0006, 2.0):
        telemetry.answered("recommend", 200, seconds)
    telemetry.answered("recommend", 400, 0.0001)
    samples = told(telemetry)
    assert samples["homefeed_requests_total{route=recommend,status=200}"] == 3
    assert samples["homefeed_requests_total{route=recommend,status=400}"] == 1
    assert samples["homefeed_request_seconds_bucket{le=0.0005,route=recommend}"] == 2
    assert samples["homefeed_request_seconds_bucket{le=1.5,route=recommend}"] == 3
    assert samples["homefeed_request_seconds_count{route=recommend}"] == 4


def test_a_slate_counts_its_stages_fallbacks_shortness_and_cold_start() -> None:
    telemetry = Telemetry(CollectorRegistry())
    telemetry.made(a_slate())
    telemetry.made(a_slate(degraded=("redis", "rank_service"), is_short=True, is_cold_start=True))
    samples = told(telemetry)
    assert samples["homefeed_stage_seconds_count{stage=receive}"] == samples["homefeed_stage_seconds_count{stage=score}"] == 2
    assert samples["homefeed_stage_seconds_bucket{le=5e-05,stage=score}"] == 2
    assert samples["homefeed_fallbacks_total{degraded=redis}"] == samples["homefeed_fallbacks_total{degraded=rank_service}"] == 1
    assert samples["homefeed_fallbacks_total{degraded=release}"] == 0
    assert (samples["homefeed_short_slates_total{}"], samples["homefeed_cold_starts_total{source=hot}"]) == (1, 1)
    assert not any("a-uid" in name or "item" in name for name in samples)


def test_what_stood_in_for_a_list_is_told_though_a_fresh_item_leads_the_slate() -> None:
    telemetry = Telemetry(CollectorRegistry())
    telemetry.made(replace(a_slate(is_cold_start=True), items=(SlateItem("new", 0.9, 1, "fresh"), SlateItem("item", 0.5, 2, "tags"))))
    telemetry.made(replace(a_slate(is_cold_start=True), items=()))
    samples = told(telemetry)
    assert (samples["homefeed_cold_starts_total{source=tags}"], samples["homefeed_cold_starts_total{source=none}"]) == (1, 1)
    assert "homefeed_cold_starts_total{source=fresh}" not in samples


def test_the_release_that_answers_and_its_age_are_told() -> None:
    release = small_bundle("r7").release
    samples = told(Telemetry(CollectorRegistry()), WorkerState(release, breaker_is_open=True))
    assert samples["homefeed_release_info{release=r7}"] == 1
    assert samples["homefeed_release_age_seconds{}"] == 7200
    assert samples["homefeed_store_breaker_open{}"] == 1


def test_without_a_release_no_age_is_told() -> None:
    assert not any("release" in name and "fallbacks" not in name for name in told(Telemetry(CollectorRegistry())))


SUM = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
import yaml
from prometheus_client import CollectorRegistry
from homefeed.api.exposition import WorkerState, exposition
from homefeed.api.telemetry import Telemetry
telemetry = Telemetry(CollectorRegistry())
for _ in range(3):
    child = os.fork()
    if child == 0:
        telemetry.answered("recall", 200, 0.001)
        os._exit(0)
    os.waitpid(child, 0)
telemetry.answered("recall", 200, 0.001)
folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
(folder / "counter_1.db").touch()
sys.stdout.write(exposition(telemetry.registry, folder, WorkerState(None, False), datetime.now(UTC)).decode())
"""


def test_a_server_that_forks_after_loading_the_application_gets_the_sum_of_its_processes_even_while_one_begins(tmp_path: Path) -> None:
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", SUM], env=environ, capture_output=True, check=True, timeout=30)
    assert read(done.stdout)["homefeed_requests_total{route=recall,status=200}"] == 4


def test_the_metrics_that_page_and_alarms_name_are_those_that_are_told() -> None:
    telemetry = Telemetry(CollectorRegistry())
    telemetry.started()
    telemetry.answered("recommend", 200, 0.001)
    telemetry.made(a_slate(is_cold_start=True))
    telemetry.logged("written", 1)
    told_names = {name.partition("{")[0] for name in told(telemetry, WorkerState(small_bundle().release, breaker_is_open=False))}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in told_names if not name.endswith("_created")}
    assert set(re.findall(r"^\| `(homefeed_\w+)`", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)) == families
    alarms = (ROOT / "deploy" / "alerts.yml").read_text()
    assert set(re.findall(r"homefeed_\w+", alarms)) <= told_names
    assert yaml.safe_load(alarms)["groups"][0]["rules"]
    assert yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
