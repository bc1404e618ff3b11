"""A minute of load while the store hangs and dies over and over; prints what the visitors met: ``pytest tests/chaos/test_serving_long.py -m long``."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from serving_under_load import RECOVERY_SECONDS, Api, EmbeddedProcess, Load, RedisProcess, publish, running_api, seconds_until, visitors
from small_release import small_bundle
from waiting import eventually

ROUNDS = 6
VISITORS = 8


@dataclass(slots=True)
class Outages:
    """``recoveries``: seconds from the store's first answer to a visitor's first whole slate."""

    recoveries: list[float] = field(default_factory=list)

    def recover(self, api: Api, store: RedisProcess | EmbeddedProcess) -> None:
        assert eventually(store.answers)
        self.recoveries.append(seconds_until(api.is_whole))
        time.sleep(1)


@pytest.mark.long
def test_a_minute_of_load_while_redis_hangs_and_dies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    redis, data, outages = RedisProcess(tmp_path / "redis"), tmp_path / "data", Outages()
    redis.start()
    assert eventually(redis.answers)
    publish(redis.location, data, small_bundle("r1"))
    redis.save()
    try:
        with running_api(data, redis.location) as api, visitors(api, VISITORS) as load:
            for _ in range(ROUNDS):
                redis.hang()
                time.sleep(3)
                redis.go_on()
                outages.recover(api, redis)
                redis.kill()
                time.sleep(3)
                redis.start()
                outages.recover(api, redis)
    finally:
        redis.kill()
    _judge("Redis", load, outages, capsys)


@pytest.mark.long
def test_a_minute_of_load_while_the_embedded_server_hangs_and_dies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embedded, data, outages = EmbeddedProcess(tmp_path / "data" / "store"), tmp_path / "data", Outages()
    publish(embedded.location, data, small_bundle("r1"))
    try:
        with running_api(data, embedded.location) as api, visitors(api, VISITORS) as load:
            for _ in range(ROUNDS):
                pid = embedded.hang()
                time.sleep(3)
                os.kill(pid, signal.SIGCONT)
                outages.recover(api, embedded)
                embedded.kill()
                outages.recover(api, embedded)
    finally:
        embedded.close()
    _judge("the embedded server", load, outages, capsys)


def _judge(name: str, load: Load, outages: Outages, capsys: pytest.CaptureFixture[str]) -> None:
    ascending = sorted(1000 * answer.seconds for answer in load.answers)
    half, most = ascending[len(ascending) // 2], ascending[int(0.99 * len(ascending))]
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{name}: {len(outages.recoveries)} outages, {len(load.answers):,} requests by {VISITORS} visitors, {len(load.failed())} failed, "
            f"{len(load.short())} short, {sum(bool(a.body and a.body['degraded']) for a in load.answers):,} degraded; "
            f"p50 {half:.1f} ms, p99 {most:.1f} ms, worst {ascending[-1]:.0f} ms; "
            f"recovery at most {max(outages.recoveries):.2f} s, mean {sum(outages.recoveries) / len(outages.recoveries):.2f} s"
        )
    load.assert_nobody_noticed()
    assert load.degraded() == {"redis"}
    assert max(outages.recoveries) < RECOVERY_SECONDS
