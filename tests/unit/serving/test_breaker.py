"""Once the breaker is open, no request waits; one answered probe closes it."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_release import MemoryStore, full_lists, small_bundle
from waiting import eventually

from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.serving.breaker import FAILURES, CircuitBreaker
from homefeed.serving.holder import ReleaseHolder
from homefeed.serving.watcher import ReleaseWatcher


@pytest.fixture
def store() -> MemoryStore:
    bundle = small_bundle()
    return MemoryStore(bundle.release, full_lists(bundle))


@pytest.fixture
def breaker(store: MemoryStore) -> CircuitBreaker:
    return CircuitBreaker(store)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(StoreUnavailableError):
            breaker.read_list(2, 10)


def test_a_few_failures_in_a_row_open_it_and_then_nobody_is_asked(store: MemoryStore, breaker: CircuitBreaker) -> None:
    store.down = True
    fail(breaker, FAILURES)
    assert breaker.is_open
    fail(breaker, 5)
    assert store.reads == FAILURES
    with pytest.raises(StoreUnavailableError, match=r"does not answer.*Not asked again until it answers a probe"):
        breaker.read_release()


def test_failures_between_answers_leave_it_closed(store: MemoryStore, breaker: CircuitBreaker) -> None:
    for _ in range(5):
        store.down = True
        fail(breaker, FAILURES - 1)
        store.down = False
        assert breaker.read_list(2, 10).release_id == "r1"
    assert not breaker.is_open


def test_a_record_that_cannot_be_read_is_an_answer(store: MemoryStore, breaker: CircuitBreaker, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> None:
        raise StoreError("The release record cannot be read")

    monkeypatch.setattr(store, "read_release", unreadable)
    for _ in range(2 * FAILURES):
        with pytest.raises(StoreError, match="cannot be read"):
            breaker.read_release()
    assert not breaker.is_open
    assert breaker.read_list(2, 10).release_id == "r1"


def test_each_change_is_one_line_of_the_log(store: MemoryStore, breaker: CircuitBreaker, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        store.down = True
        fail(breaker, FAILURES + 3)
        breaker.open(StoreUnavailableError("still out"))
        store.down = False
        breaker.close()
        breaker.close()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 4
    assert ["again" in record.getMessage().split(".")[0] for record in caplog.records] == [False, True, False, True]


class SlowToTellError(StoreUnavailableError):
    def __str__(self) -> str:
        time.sleep(0.02)
        return "the store does not answer"


def test_threads_that_open_it_at_the_same_moment_are_one_line_of_the_log(breaker: CircuitBreaker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="homefeed"), ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(breaker.open, SlowToTellError("out"))
    assert breaker.is_open
    assert len(caplog.records) == 1


class Watched:
    """A store, its breaker and a watcher that looks at it all the time."""

    def __init__(self, folder: Path, store: MemoryStore, breaker: CircuitBreaker) -> None:
        write_bundle(folder, small_bundle())
        self.revivals: list[int] = []
        self.error: StoreError | None = None
        self.watcher = ReleaseWatcher(ReleaseHolder(folder, store), breaker, self._revive, interval_seconds=0.01)
        self.watcher.ensure_running()

    def _revive(self) -> None:
        self.revivals.append(1)
        if self.error:
            raise self.error


def test_a_probe_opens_it_before_a_request_has_to_and_closes_it_again(store: MemoryStore, breaker: CircuitBreaker, tmp_path: Path) -> None:
    watched = Watched(tmp_path, store, breaker)
    store.down = True
    assert eventually(lambda: breaker.is_open and len(watched.revivals) > 2)
    store.down = False
    assert eventually(lambda: not breaker.is_open)
    assert store.reads == 0
    watched.watcher.stop()


def test_a_store_that_cannot_be_revived_is_told_once_and_watched_on(
    store: MemoryStore, breaker: CircuitBreaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(tmp_path, store, breaker)
    store.down, watched.error = True, StoreError("the embedded server does not start")
    assert eventually(lambda: len(watched.revivals) > 3)
    store.down = False
    assert eventually(lambda: not breaker.is_open)
    watched.watcher.stop()
    assert sum("does not start" in record.getMessage() for record in caplog.records) == 1


def test_the_watcher_outlives_what_nobody_foresaw(
    store: MemoryStore, breaker: CircuitBreaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(tmp_path, store, breaker)
    met: list[int] = []

    def fail() -> None:
        met.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(store, "read_release", fail)
    assert eventually(lambda: len(met) > 3)
    monkeypatch.undo()
    store.down = True
    assert eventually(lambda: breaker.is_open)
    watched.watcher.stop()
    assert sum(record.exc_info is not None for record in caplog.records) == 1


def test_a_store_that_is_down_at_the_start_costs_the_first_request_no_wait(store: MemoryStore, breaker: CircuitBreaker, tmp_path: Path) -> None:
    store.down = True
    watched = Watched(tmp_path, store, breaker)
    assert breaker.is_open
    watched.watcher.stop()
