"""Every `bash` block of the documentation runs, and what the API answers has the shape that is written below the command."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from doc_pages import REPOSITORY, Block, Page, pages
from docs_shop import LONG_SECONDS, Shop
from small_release import MemoryStore, small_bundle

from homefeed.serving.health import check_health
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease

VARIES = {"id", "score", "p_click", "source", "sources", "items", "release", "release_age_seconds", "request_id"}
"""Fields whose values are another shop's or another model's; their types are compared."""


def _blocks(kind: str, long: bool) -> list[Any]:
    return [pytest.param(block, id=str(block)) for page in pages() for block in page.blocks if block.kind == kind and block.long == long]


def _answers() -> list[Any]:
    """(curl, the JSON below it), in the pages' order."""
    found = []
    for page in pages():
        for block, below in zip(page.blocks, page.blocks[1:], strict=False):
            if block.kind == "bash" and below.kind == "json" and block.commands[0].startswith("curl "):
                found.append(pytest.param(block.commands[0], below, id=str(below)))
    return found


@pytest.mark.parametrize("block", _blocks("bash", long=False))
def test_a_command_of_the_docs_typed_as_written_ends_well(block: Block, api: Shop) -> None:
    for command in block.commands:
        if command.startswith("curl "):
            status, body = api.ask(_path_of(command))
            assert status == 200 or "error" in body
        else:
            done = api.run(command)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.long
@pytest.mark.parametrize("block", _blocks("bash", long=True))
def test_a_long_command_of_the_docs_typed_as_written_ends_well(block: Block, api: Shop) -> None:
    for command in block.commands:
        done = api.run(command, LONG_SECONDS)
        assert done.returncode == 0, f"{command}\n{done.stdout[-5000:]}{done.stderr[-5000:]}"


@pytest.mark.parametrize(("command", "block"), _answers())
def test_the_json_below_a_curl_is_what_the_api_answers(command: str, block: Block, api: Shop) -> None:
    _, body = api.ask(_path_of(command))
    assert _shape(json.loads(block.text)) == _shape(body)


def test_an_error_of_the_table_has_its_status_and_code(api: Shop) -> None:
    rows = re.findall(r"^\| `(GET|POST) (\S+)` \| (\d{3}) \| `(\w+)` \|$", Page(REPOSITORY / "docs" / "http-api.md").text, re.MULTILINE)
    assert len(rows) >= 10
    for method, path, status, code in rows:
        found, body = api.ask(path, method)
        assert (path, found, body["error"]["code"]) == (path, int(status), code)


def test_a_health_warning_of_the_docs_is_worded_as_the_api_words_it() -> None:
    bundle = small_bundle()
    releases, made = OneRelease(ReleaseInMemory.of(bundle)), datetime.fromisoformat(bundle.release.created_at)
    (warning,) = check_health(MemoryStore(bundle.release), releases, made + timedelta(seconds=177_120), timedelta(hours=48)).warnings
    for name in ("nightly.md", "http-api.md"):
        assert warning in Page(REPOSITORY / "docs" / name).text


def _path_of(command: str) -> str:
    (url,) = (word for word in shlex.split(command) if word.startswith("http"))
    parts = urlsplit(url)
    assert parts.netloc == "localhost:8000"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _shape(value: Any, varies: bool = False) -> Any:
    """The value itself, with the type in place of whatever varies."""
    if isinstance(value, dict):
        return {name: _shape(part, name in VARIES) for name, part in value.items()}
    if isinstance(value, list):
        return [_shape(part, varies) for part in value]
    return type(value).__name__ if varies else value
