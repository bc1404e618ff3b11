"""A release whose bundle is broken, missing or late, under load and with a real store: each answer is of one release, and /health says why."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from serving_under_load import PATIENT, Api, EmbeddedProcess, Load, publish, running_api, visitors
from small_release import small_bundle
from waiting import eventually

from homefeed.artifacts.bundle_writer import write_bundle

LISTED = {"ann": 1, "bob": 2}


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedProcess]:
    process = EmbeddedProcess(tmp_path / "data" / "store")
    yield process
    process.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def break_file(data: Path, release_id: str, name: str) -> bytes:
    path = data / "releases" / release_id / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return content


def assert_lists_are_of_their_release(load: Load, lists: Mapping[str, Mapping[int, list[str]]]) -> None:
    answers = [answer.body for answer in load.answers if answer.body and answer.body["uid"] in LISTED]
    assert answers
    for body in answers:
        ids = {item["id"] for item in body["items"] if item["source"] != "hot"}
        assert ids <= set(lists[body["release"]][LISTED[body["uid"]]]), body


def test_a_live_release_with_a_broken_bundle_is_answered_wholly_by_the_one_before_until_it_is_mended(data: Path, embedded: EmbeddedProcess) -> None:
    lists = {"r1": publish(embedded.location, data, small_bundle("r1"))}
    with running_api(data, embedded.location, **PATIENT) as api, visitors(api) as load:
        broken = _publish_broken(embedded, data, "r2", lists)
        assert eventually(lambda: _state(api) == ("r1", ["release"]))
        answer = api.get("/recommend/bob")[1]
        assert {item["source"] for item in answer["items"]} == {"dssm"}
        status, health = api.get("/health")
        assert (status, health["degraded"], health["release"]) == (503, ["release"], "r1")
        assert "items.safetensors is not the file that was written" in health["reasons"]["release"]
        (data / "releases" / "r2" / "items.safetensors").write_bytes(broken)
        assert eventually(lambda: _state(api) == ("r2", []))
    load.assert_nobody_noticed()
    assert_lists_are_of_their_release(load, lists)


def test_a_bundle_that_is_copied_here_late_is_taken_up_without_a_restart(data: Path, embedded: EmbeddedProcess) -> None:
    lists = {"r1": publish(embedded.location, data, small_bundle("r1"))}
    elsewhere = data.parent / "elsewhere"
    with running_api(data, embedded.location, **PATIENT) as api, visitors(api) as load:
        lists["release-2"] = publish(embedded.location, elsewhere, small_bundle("release-2", seed=2))
        assert eventually(lambda: _state(api) == ("r1", ["release"]))
        shutil.copytree(elsewhere / "releases" / "release-2", data / "releases" / "release-2")
        assert eventually(lambda: _state(api) == ("release-2", []))
    load.assert_nobody_noticed()
    assert_lists_are_of_their_release(load, lists)


@pytest.mark.parametrize(("name", "part"), [("rank.safetensors", "rank_service"), ("recall.safetensors", "tags")])
def test_a_corrupt_model_file_costs_that_model_alone_and_is_taken_up_when_mended(data: Path, embedded: EmbeddedProcess, name: str, part: str) -> None:
    lists = publish(embedded.location, data, small_bundle("r1"))
    whole = break_file(data, "r1", name)
    with running_api(data, embedded.location, **PATIENT) as api, visitors(api) as load:
        status, health = api.get("/health")
        assert (status, health["degraded"], health["redis"]) == (503, [part], "ok")
        listed = [item["id"] for item in api.get("/recommend/bob")[1]["items"]]
        assert set(listed) <= set(lists[2])
        guest = api.get("/recommend/a-guest?utag1=young")[1]
        assert (guest["degraded"], len(guest["items"])) == ([part], 10)
        (data / "releases" / "r1" / name).write_bytes(whole)
        assert eventually(lambda: api.get("/health")[0] == 200)
        assert api.get("/recommend/a-guest?utag1=young")[1]["degraded"] == []
    load.assert_nobody_noticed()
    assert load.degraded() <= {part}


def _publish_broken(embedded: EmbeddedProcess, data: Path, release_id: str, lists: dict[str, Mapping[int, list[str]]]) -> bytes:
    """The bundle is broken before the store flips to it."""
    bundle = small_bundle(release_id, seed=2)
    write_bundle(data / "releases", bundle)
    content = break_file(data, release_id, "items.safetensors")
    lists[release_id] = publish(embedded.location, data, bundle, on_disk=False)
    return content


def _state(api: Api) -> tuple[str, list[str]]:
    answer = api.get("/recommend/bob")[1]
    return answer["release"], answer["degraded"]
