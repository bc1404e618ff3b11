"""schemathesis reads the running API's own description and tries what it allows and what it forbids."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_api import Api, published, running
from schemathesis.specs.openapi import definitions

TOKEN = "letters-and-1.2.3"
SEED, EXAMPLES = 7, 60


@pytest.fixture(params=["open", "locked"], scope="module")
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, list[str]]]:
    """And the words that hand schemathesis what it needs to get in."""
    data = tmp_path_factory.mktemp(request.param)
    locked = request.param == "locked"
    with published(data), running(data, RECSYS_API_TOKEN=TOKEN if locked else "", RECSYS_REDIS_TIMEOUT_MS="1000") as api:
        yield api, ["-H", f"Authorization: Bearer {TOKEN}"] if locked else []


def test_every_check_of_schemathesis_holds(api: tuple[Api, list[str]], tmp_path: Path) -> None:
    running_api, access = api
    words = ["run", f"http://127.0.0.1:{running_api.port}/openapi.json", "--mode", "all", "--checks", "all"]
    words += ["--seed", str(SEED), "--max-examples", str(EXAMPLES), "--phases", "coverage,fuzzing", "--no-color", *access]
    program = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    count = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert count is not None
    assert count[1] == count[2]
    assert int(count[1]) > 300
    assert 'status="5' not in running_api.text("/metrics", Authorization=f"Bearer {TOKEN}")[2]


def test_the_description_is_valid_openapi_3_1(api: tuple[Api, list[str]]) -> None:
    description = json.loads(api[0].text("/openapi.json")[2])
    assert description["openapi"] == "3.1.0"
    definitions.OPENAPI_31_VALIDATOR.validate(description)
