"""Redis hangs, dies, comes back, is flushed, filled up or set back under load: every visitor gets a full slate in time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_under_load import PATIENT, RECOVERY_SECONDS, Api, RedisProcess, publish, running_api, seconds_until, visitors
from small_release import small_bundle
from waiting import eventually


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    process = RedisProcess(tmp_path / "redis")
    process.start()
    assert eventually(process.answers)
    yield process
    process.kill()


@pytest.fixture
def data(tmp_path: Path, redis: RedisProcess) -> Path:
    publish(redis.location, tmp_path / "data", small_bundle("r1"))
    redis.save()
    return tmp_path / "data"


@pytest.fixture
def api(data: Path, redis: RedisProcess) -> Iterator[Api]:
    with running_api(data, redis.location) as running:
        yield running


@pytest.fixture
def patient_api(data: Path, redis: RedisProcess) -> Iterator[Api]:
    with running_api(data, redis.location, **PATIENT) as running:
        yield running


def test_a_redis_that_hangs_costs_nobody_a_slate(api: Api, redis: RedisProcess) -> None:
    with visitors(api) as load:
        redis.hang()
        time.sleep(1.5)
        started = time.monotonic()
        status, health = api.get("/health")
        assert (status, health["redis"], health["degraded"]) == (503, "unavailable", ["redis"])
        assert time.monotonic() - started < 1
        redis.go_on()
        recovered = seconds_until(api.is_whole)
    load.assert_nobody_noticed()
    assert load.degraded() == {"redis"}
    assert recovered < RECOVERY_SECONDS


def test_a_redis_that_is_killed_and_started_again_costs_nobody_a_slate(api: Api, redis: RedisProcess) -> None:
    with visitors(api) as load:
        redis.kill()
        time.sleep(1)
        redis.start()
        assert eventually(redis.answers)
        recovered = seconds_until(api.is_whole)
    load.assert_nobody_noticed()
    assert load.degraded() == {"redis"}
    assert recovered < RECOVERY_SECONDS


def test_each_of_several_workers_goes_on_without_redis(data: Path, redis: RedisProcess) -> None:
    with running_api(data, redis.location, RECSYS_API_WORKERS="2") as api, visitors(api) as load:
        redis.hang()
        time.sleep(1)
        redis.go_on()
        assert eventually(lambda: all(api.is_whole() for _ in range(10)))
    load.assert_nobody_noticed()


def test_while_the_breaker_is_open_nobody_waits_and_the_log_has_one_line_each_way(api: Api, redis: RedisProcess) -> None:
    with visitors(api) as load:
        redis.hang()
        time.sleep(0.5)
        open_since = time.monotonic()
        time.sleep(1)
        until = time.monotonic()
        redis.go_on()
        seconds_until(api.is_whole)
    late = sorted(answer.seconds for answer in load.answers if open_since < answer.asked < until)
    assert late[len(late) // 2] < 0.04, "a request waited for a Redis that was known to hang"
    assert eventually(lambda: api.log.read_text().count("Not asked again until it answers") == api.log.read_text().count("The store answers again"))
    assert 1 <= api.log.read_text().count("The store answers again") <= 2


def test_an_api_started_while_redis_is_down_serves_the_live_bundle_and_recovers(data: Path, redis: RedisProcess) -> None:
    publish(redis.location, data, small_bundle("r2", seed=2))
    redis.save()
    redis.kill()
    with running_api(data, redis.location) as api:
        with visitors(api) as load:
            time.sleep(0.5)
            redis.start()
            assert eventually(redis.answers)
            recovered = seconds_until(api.is_whole)
        assert {answer.body["release"] for answer in load.answers if answer.body} == {"r2"}
    load.assert_nobody_noticed()
    assert load.degraded() == {"redis"}
    assert recovered < RECOVERY_SECONDS


def test_a_redis_flushed_by_somebody_costs_the_lists_alone_and_an_export_brings_them_back(patient_api: Api, redis: RedisProcess, data: Path) -> None:
    with visitors(patient_api) as load:
        redis.admin().flushall()
        assert eventually(lambda: patient_api.get("/recommend/nobody")[1]["degraded"] == ["release"])
        assert patient_api.get("/recommend/bob")[1]["degraded"] == ["release"]
        publish(redis.location, data, small_bundle("r2", seed=2))
        seconds_until(patient_api.is_whole)
    load.assert_nobody_noticed()
    assert load.degraded() == {"release"}


def test_one_users_list_that_was_evicted_is_named(patient_api: Api, redis: RedisProcess) -> None:
    redis.admin().delete("recall:2")
    answer = patient_api.get("/recommend/bob")[1]
    assert (answer["degraded"], len(answer["items"]), {item["source"] for item in answer["items"]}) == (["list"], 10, {"hot"})
    assert patient_api.get("/recommend/ann")[1]["degraded"] == []


@pytest.mark.parametrize("bundle_is_there", [True, False])
def test_a_redis_set_back_to_an_older_dump_is_served_wholly_where_its_bundle_is_there(api: Api, redis: RedisProcess, data: Path, bundle_is_there: bool) -> None:
    publish(redis.location, data, small_bundle("r2", seed=2))
    assert eventually(lambda: api.get("/recommend/bob")[1]["release"] == "r2")
    publish(redis.location, data, small_bundle("r3", seed=3))
    assert eventually(lambda: api.get("/recommend/bob")[1]["release"] == "r3")
    if not bundle_is_there:
        shutil.rmtree(data / "releases" / "r1")
    with visitors(api) as load:
        redis.kill()
        redis.start()  # with the dump that r1 was saved in
        assert eventually(redis.answers)
        assert eventually(lambda: _release_and_degraded(api) == (("r1", []) if bundle_is_there else ("r3", ["release"])))
    load.assert_nobody_noticed()


def test_a_redis_that_is_full_is_read_on(patient_api: Api, redis: RedisProcess) -> None:
    with visitors(patient_api) as load:
        redis.admin().config_set("maxmemory-policy", "noeviction")
        redis.admin().config_set("maxmemory", "1")
        time.sleep(0.5)
    load.assert_nobody_noticed()
    assert load.degraded() == set()


def _release_and_degraded(api: Api) -> tuple[str, list[str]]:
    answer = api.get("/recommend/bob")[1]
    return answer["release"], answer["degraded"]


GARBAGE = [b"", b"\xff\x00", b"null", b"[]", b"7", b'{"id": 5}', b'{"previous": 3}', b"[" * 100_000, b"9" * 10_000, b"../r1", b"x" * 5000]


def test_whatever_somebody_writes_into_our_keys_is_no_500_and_no_other_persons_list(patient_api: Api, redis: RedisProcess, data: Path) -> None:
    client = redis.admin()
    whole = {key: client.get(key) for key in ("homefeed:release", "homefeed:release:id")}
    with visitors(patient_api, 2) as load:
        for key in whole:
            for value in GARBAGE:
                client.set(key, value)
                assert patient_api.get("/health")[0] in (200, 503)
                assert patient_api.get("/recommend/bob")[0] == 200
            client.delete(key)
            client.rpush(key, "a list where a string should be")
            assert patient_api.get("/health")[0] in (200, 503)
            client.delete(key)
            client.set(key, whole[key] or b"")
        for name in ("recall:2", "source:2"):
            client.rename(name, "aside")
            client.set(name, b"no list") if name.startswith("recall") else client.rpush(name, "no string")
            assert patient_api.get("/recommend/bob")[0] == 200
            client.delete(name)
            client.rename("aside", name)
        seconds_until(patient_api.is_whole)
    load.assert_nobody_noticed()
    assert "pipeline" not in load.degraded()
