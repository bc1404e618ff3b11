"""The embedded server hangs or dies under load: every visitor gets a full slate in time, and the API starts it again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_under_load import RECOVERY_SECONDS, Api, EmbeddedProcess, publish, running_api, seconds_until, visitors
from small_release import small_bundle
from waiting import eventually


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedProcess]:
    process = EmbeddedProcess(tmp_path / "data" / "store")
    yield process
    process.close()


@pytest.fixture
def api(tmp_path: Path, embedded: EmbeddedProcess) -> Iterator[Api]:
    publish(embedded.location, tmp_path / "data", small_bundle("r1"))
    with running_api(tmp_path / "data", embedded.location) as running:
        yield running


def test_an_embedded_server_that_hangs_costs_nobody_a_slate(api: Api, embedded: EmbeddedProcess) -> None:
    with visitors(api) as load:
        pid = embedded.hang()
        time.sleep(1.5)
        os.kill(pid, signal.SIGCONT)
        recovered = seconds_until(api.is_whole)
    load.assert_nobody_noticed()
    assert load.degraded() == {"redis"}
    assert recovered < RECOVERY_SECONDS


def test_an_embedded_server_that_is_killed_is_started_again_with_its_lists(api: Api, embedded: EmbeddedProcess) -> None:
    killed = embedded.pid()
    with visitors(api) as load:
        embedded.kill()
        assert eventually(embedded.answers)
        recovered = seconds_until(api.is_whole)
    assert embedded.pid() != killed
    load.assert_nobody_noticed()
    assert recovered < RECOVERY_SECONDS
