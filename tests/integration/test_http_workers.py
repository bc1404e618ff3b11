"""Several worker processes: one that is killed comes again, counters are of all of them, and an end is orderly."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from running_api import Api, publish, published, running
from small_release import small_bundle
from store_servers import free_port
from waiting import eventually

from homefeed.store.connection import Store

WORKERS = 3


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with published(tmp_path) as store:
        yield store


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Path:
    """Its data folder."""
    return tmp_path


@contextmanager
def load(api: Api, answers: list[tuple[int, Any]], broken: list[OSError]) -> Iterator[None]:
    """Connections that ask all the time, each for one answer."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(api.get("/recommend/bob?top_k=20"))
            except (OSError, IndexError, ValueError) as error:
                broken.append(OSError(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_killed_worker_is_started_again_while_the_others_answer(shop: Path) -> None:
    answers: list[tuple[int, Any]] = []
    broken: list[OSError] = []
    with running(shop, RECSYS_API_WORKERS=str(WORKERS)) as api:
        assert eventually(lambda: len(api.workers()) == WORKERS)
        with load(api, answers, broken):
            assert eventually(lambda: len(answers) > 100)
            victim = min(api.workers())
            os.kill(victim, signal.SIGKILL)
            assert eventually(lambda: len(api.workers() - {victim}) == WORKERS and api.metric("homefeed_worker_starts_total") == WORKERS + 1)
            met = len(answers)
            assert eventually(lambda: len(answers) > met + 100)
    assert {status for status, _ in answers} == {200}
    assert len(broken) < 50  # what the killed process had taken is lost with it


def test_counters_are_the_sum_over_workers_and_keep_what_a_dead_one_counted(shop: Path) -> None:
    with running(shop, RECSYS_API_WORKERS=str(WORKERS)) as api:
        for _ in range(60):
            assert api.get("/recommend/bob")[0] == 200
        assert api.get("/recommend/nobody")[0] == 200
        sample = 'homefeed_requests_total{route="recommend",status="200"}'
        assert [api.metric(sample) for _ in range(10)] == [61] * 10  # whichever worker answers
        victim = min(api.workers())
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda: len(api.workers() - {victim}) == WORKERS and api.metric("homefeed_worker_starts_total") == WORKERS + 1)
        assert [api.metric(sample) for _ in range(10)] == [61] * 10
        assert api.metric('homefeed_cold_starts_total{source="hot"}') == 1


def test_no_answer_mixes_two_releases_while_workers_differ(shop: Path, store: Store) -> None:
    answers: list[tuple[int, Any]] = []
    with running(shop, RECSYS_API_WORKERS=str(WORKERS), RECSYS_REDIS_TIMEOUT_MS="1000") as api:
        pages = {"r1": api.get("/recommend/bob?top_k=20")[1]["items"]}
        with load(api, answers, []):
            publish(store, shop, small_bundle("release-2", seed=2))
            assert eventually(lambda: all(api.get("/recall/stranger")[1]["release"] == "release-2" for _ in range(12)))
        pages["release-2"] = api.get("/recommend/bob?top_k=20")[1]["items"]
    assert {status for status, _ in answers} == {200}
    assert {answer["release"] for _, answer in answers} == set(pages)
    assert all(answer["items"] == pages[answer["release"]] for _, answer in answers if not answer["degraded"])


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_sigterm_lets_running_requests_end(shop: Path, store: Store, workers: int) -> None:
    """Their store hangs, so that each of them runs for the whole of its deadline, and the signal comes meanwhile."""
    with running(shop, RECSYS_API_WORKERS=str(workers), RECSYS_REDIS_TIMEOUT_MS="2000") as api, ThreadPoolExecutor(8) as pool, hanging(store):
        asked = [pool.submit(api.get, "/recommend/bob") for _ in range(8)]
        time.sleep(1)
        assert not any(one.done() for one in asked)
        api.process.send_signal(signal.SIGTERM)
        answers = [one.result(20) for one in asked]
        assert api.process.wait(20) == 0
    assert [(status, answer["degraded"], len(answer["items"])) for status, answer in answers] == [(200, ["redis"], 10)] * 8
    assert "Traceback" not in api.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [1, WORKERS])
def test_a_signal_to_all_its_processes_at_once_ends_it_in_order(shop: Path, workers: int, number: signal.Signals) -> None:
    """As a terminal sends Ctrl-C: a worker that heard of it twice, from there and from its starter, often hung until it was killed."""
    for _ in range(2):
        with running(shop, RECSYS_API_WORKERS=str(workers)) as api:
            assert eventually(lambda served=api: len(served.workers()) == workers and served.answers())  # type: ignore[misc]
            os.killpg(api.process.pid, number)
            assert api.process.wait(20) == 0
            assert "Killing worker" not in api.log.read_text()


@contextmanager
def hanging(store: Store) -> Iterator[None]:
    """Its server stands still until the end."""
    process = redis.Redis(unix_socket_path=store.address.path).info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_sigterm_under_load_cuts_no_answer_short(shop: Path, workers: int) -> None:
    with running(shop, RECSYS_API_WORKERS=str(workers)) as api:
        stop = threading.Event()

        def ask() -> tuple[int, int]:
            """Answers that were whole, and those that broke off after their first byte."""
            whole = cut = 0
            while not stop.is_set():
                with closing(http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)) as connection:
                    try:
                        connection.request("GET", "/recommend/bob?top_k=100")
                        answer = connection.getresponse()
                    except OSError:
                        continue  # not taken any more: not one byte of an answer
                    try:
                        whole += len(answer.read()) > 1000
                    except (OSError, http.client.HTTPException):
                        cut += 1
            return whole, cut

        with ThreadPoolExecutor(4) as pool:
            loops = [pool.submit(ask) for _ in range(4)]
            time.sleep(0.7)
            api.process.send_signal(signal.SIGTERM)
            assert api.process.wait(20) == 0
            stop.set()
            whole, cut = (sum(numbers) for numbers in zip(*(loop.result() for loop in loops), strict=True))
    assert whole > 50
    assert cut == 0


def test_a_killed_starter_leaves_neither_workers_nor_counters(tmp_path: Path) -> None:
    with running(tmp_path, RECSYS_API_WORKERS=str(WORKERS), RECSYS_REDIS_PORT=str(free_port()), TMPDIR=str(tmp_path)) as api:
        assert eventually(lambda: len(api.workers()) == WORKERS)
        workers = api.workers()
        folder = counters_of(min(workers))
        assert folder.is_dir()
        api.process.kill()
        assert eventually(lambda: not api.answers() and not any(Path(f"/proc/{pid}").exists() for pid in workers))
        assert not folder.exists()


def test_an_orderly_end_leaves_neither_workers_nor_counters(tmp_path: Path) -> None:
    with running(tmp_path, RECSYS_API_WORKERS=str(WORKERS), RECSYS_REDIS_PORT=str(free_port())) as api:
        assert eventually(lambda: len(api.workers()) == WORKERS)
        workers = api.workers()
        folder = counters_of(min(workers))
        assert (folder.stat().st_mode & 0o777, folder.is_dir()) == (0o700, True)
        api.process.terminate()
        assert api.process.wait(20) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        assert not folder.exists()


def counters_of(pid: int) -> Path:
    """The folder that a worker counts in, by the files that it has open."""
    assert eventually(lambda: any("counter_" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()))
    return next(link.readlink().parent for link in Path(f"/proc/{pid}/fd").iterdir() if "counter_" in str(link.readlink()))
