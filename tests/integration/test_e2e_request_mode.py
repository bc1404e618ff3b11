"""A shop that stops writing lists, and takes that back: under load, without a failed request, with a store that holds no list in between."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from shop_project import QUICK_TRAINING, Api, Project, server_with_a_port
from waiting import eventually

from homefeed.simulation.planted import PlantedTruth, planted_taste_shop

REQUEST_MODE = "[export]\ncandidates = 'request'\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, PlantedTruth, Api]]:
    """With lists, live."""
    folder = tmp_path_factory.mktemp("project")
    truth = planted_taste_shop(folder / "data" / "raw_data", users=80, items=60)
    (folder / "homefeed.toml").write_text(QUICK_TRAINING)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        project.inside("run", *project.address)
        with project.api() as api:
            yield project, truth, api


@contextmanager
def no_answer_fails(api: Api, uids: list[str]) -> Iterator[None]:
    bad: list[object] = []
    stop, count = threading.Event(), [0]

    def ask() -> None:
        while not stop.is_set():
            for path in (f"/{route}/{uid}?top_k=10" for uid in uids for route in ("recommend", "recall")):
                try:
                    status, body = api.get(path)
                except (OSError, http.client.HTTPException) as error:
                    bad.append(error)
                else:
                    count[0] += 1
                    if status != 200 or body["degraded"] or body["is_cold_start"] or len(body["items"]) != 10:
                        bad.append((status, body))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert bad == []
    assert count[0] > 20


def live(api: Api) -> str:
    release: str = api.ok("/health")["release"]
    return release


def test_lists_go_and_come_back_and_no_request_fails(shop: tuple[Project, PlantedTruth, Api]) -> None:
    project, truth, api = shop
    client, uids = project.client(), [*truth.active[:6], *truth.cold[:2]]
    with_lists = live(api)
    assert client.keys("recall:*")
    assert json.loads(client.get("homefeed:release"))["metrics"]["lists"] == {"index_recall": 1.0}
    (project.folder / "homefeed.toml").write_text(QUICK_TRAINING + REQUEST_MODE)
    with no_answer_fails(api, uids):
        said = project.inside("export", *project.address)
        assert eventually(lambda: live(api) != with_lists)
    assert "no lists are written" in said
    assert client.keys("recall:*") + client.keys("source:*") == []
    assert client.zcard("global_hot") > 0
    assert json.loads(client.get("homefeed:release"))["candidates"] == "request"
    assert api.ok("/health")["degraded"] == []
    assert "candidates found at request time" in project.inside("status", *project.address)
    for uid in uids:
        assert truth.share_liked(uid, api.ids(f"/recommend/{uid}?top_k=10")) > 0.8
    with no_answer_fails(api, uids):
        project.inside("export", "--rollback", *project.address)
        assert eventually(lambda: live(api) == with_lists)
    assert client.keys("recall:*")
