"""The slate log of a running API: every answer has its line, whoever wrote it and however the API ended in order."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_api import SERVE, Api, environment, published, running
from store_servers import free_port
from waiting import eventually

FIELDS = {"ts", "request_id", "release", "uid", "stage", "is_cold_start", "items", "positions", "scores", "sources", "degraded"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    with published(tmp_path):
        yield tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_line_says_what_was_answered(shop: Path) -> None:
    log = shop / "slates.jsonl"
    with running(shop, RECSYS_SLATE_LOG=str(log)) as api:
        answer = api.get("/recommend/bob?top_k=3&offset=5")[1]
        assert eventually(lambda: len(lines(log)) == 1)
        assert eventually(lambda: api.metric('homefeed_slate_log_lines_total{outcome="written"}') == 1)
    line = lines(log)[0]
    assert set(line) == FIELDS
    assert {name: line[name] for name in ("request_id", "release", "uid", "stage", "is_cold_start", "degraded")} == {
        name: answer[name] for name in ("request_id", "release", "uid", "stage", "is_cold_start", "degraded")
    }
    assert list(zip(line["items"], line["scores"], line["sources"], strict=True)) == [(i["id"], i["score"], i["source"]) for i in answer["items"]]
    assert line["positions"] == [6, 7, 8]
    assert log.stat().st_mode & 0o777 == 0o600


def test_only_a_slate_that_somebody_sees_is_logged(shop: Path) -> None:
    log = shop / "slates.jsonl"
    with running(shop, RECSYS_SLATE_LOG=str(log)) as api:
        for path in ("/recall/bob", "/health", "/recommend/bob?top_k=0", "/recommend/a%00b", "/nowhere"):
            api.get(path)
        ask(api, b"HEAD")
        ask(api, b"OPTIONS")
        api.get("/recommend/zo%C3%AB")
    assert [line["uid"] for line in lines(log)] == ["zoë"]


@pytest.mark.parametrize("workers", [1, 3])
def test_no_line_of_an_answered_request_is_lost_when_the_api_is_told_to_end_under_load(shop: Path, workers: int) -> None:
    log = shop / "slates.jsonl"
    answered: list[str] = []
    stop = threading.Event()
    with running(shop, RECSYS_SLATE_LOG=str(log), RECSYS_API_WORKERS=str(workers)) as api:

        def load() -> None:
            while not stop.is_set():
                try:
                    answered.append(api.get("/recommend/bob?top_k=100")[1]["request_id"])
                except (OSError, IndexError):
                    continue  # not taken any more

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: len(answered) > 200)
        api.process.terminate()
        assert api.process.wait(20) == 0
        stop.set()
        for thread in threads:
            thread.join()
    written = [line["request_id"] for line in lines(log)]
    assert set(answered) <= set(written)
    assert len(written) == len(set(written))
    assert len(set(answered)) > 200


@pytest.mark.parametrize("place", ["missing/slates.jsonl", "", "/dev/null"])
def test_a_log_that_cannot_be_written_is_said_at_the_start(tmp_path: Path, place: str) -> None:
    environ = environment(tmp_path, RECSYS_SLATE_LOG=str(tmp_path / place), RECSYS_API_PORT=str(free_port()))
    done = subprocess.run([sys.executable, "-c", SERVE], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert f"{tmp_path / place} cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def ask(api: Api, method: bytes) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(method + b" /recommend/bob HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
