"""Whatever is published, rolled back, flushed, deleted or broken, in any order: an answer is of one release, whole, and never empty.

Every release has items of its own and the same slots, so that a list of one beside the models of another would show.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_release import MemoryStore, full_lists, small_bundle
from store_servers import Server

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.core.release import Release
from homefeed.core.slate import Request, Slate
from homefeed.serving.breaker import CircuitBreaker
from homefeed.serving.holder import ReleaseHolder
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease
from homefeed.store.base import ListRead, ReleaseReader, UserList
from homefeed.store.connection import Store

REQUESTS = [
    Request("q", "ann", 10),
    Request("q", "bob", 100),
    Request("q", "tagged", 10, 5),
    Request("q", "nobody", 10),
    Request("q", "guest", 10, 0, {"utag1": ("young",)}),
]
STEPS = ["publish", "publish", "publish broken", "rollback", "flush", "forget list", "delete", "break", "break ranker", "mend", "down", "up", "tick", "tick"]
ASK = ["ask"] * 10


class Gate:
    """A store that can be out."""

    def __init__(self, reader: ReleaseReader) -> None:
        self._reader = reader
        self.is_shut = False

    def read_list(self, user_slot: int, size: int, db: int | None = None) -> ListRead:
        self._check()
        return self._reader.read_list(user_slot, size, db)

    def read_release(self) -> Release | None:
        self._check()
        return self._reader.read_release()

    def _check(self) -> None:
        if self.is_shut:
            raise StoreUnavailableError("the store is out")


class History:
    """A shop's nights, and the process that answers meanwhile."""

    def __init__(self, folder: Path, store: Store, server: Server, random: Random) -> None:
        self.folder, self.store, self.server, self.random = folder, store, server, random
        self.bundles: dict[str, Bundle] = {}
        self.gate = Gate(store.reader())
        self.breaker = CircuitBreaker(self.gate)
        self.holder = ReleaseHolder(folder, self.gate)
        self.pipeline = standard_pipeline(self.breaker, self.holder)
        self.publish()
        self.holder.start()

    def publish(self, *, is_broken: bool = False) -> None:
        bundle = own_bundle(len(self.bundles))
        self.bundles[bundle.release.id] = bundle
        folder = write_bundle(self.folder, bundle)
        if is_broken:
            (folder / "items.safetensors").write_bytes(b"broken")
        writer = self.store.writer("shop")
        writer.stage(bundle.release, [UserList(slot, ids, b"0" * len(ids)) for slot, ids in own_lists(bundle).items()], [(bundle.items.ids[1], 1.0)])
        writer.publish()
        writer.close()

    def step(self, step: str) -> None:
        folder = self.folder / self.random.choice(sorted(self.bundles))
        if step.startswith("publish"):
            self.publish(is_broken=step.endswith("broken"))
        elif step == "rollback":
            self._roll_back()
        elif step == "flush":
            self.server.admin().flushall()
        elif step == "forget list":
            self.server.admin(1).delete("recall:2")
        elif step == "delete":
            shutil.rmtree(folder, ignore_errors=True)
        elif step.startswith("break") and folder.exists():
            (folder / ("rank.safetensors" if step.endswith("ranker") else "seen.safetensors")).write_bytes(b"broken")
        elif step == "mend":
            shutil.rmtree(folder, ignore_errors=True)
            write_bundle(self.folder, self.bundles[folder.name])
        elif step in ("down", "up"):
            self.gate.is_shut = step == "down"
        elif step == "tick":
            self._tick()
        else:
            for n, request in enumerate(REQUESTS):
                self.check(n, self.pipeline.recommend(request))
                self.pipeline.recall(request)

    def check(self, n: int, slate: Slate) -> None:
        """The answer is one that its release alone would have given: whole where nothing is named, and else on one of the rungs."""
        rungs = expected(int(slate.release[1:]))[n]
        assert slate.items, slate
        assert slate.items in [rung.items for rung in (rungs if slate.degraded else rungs[:1])], slate
        assert "pipeline" not in slate.degraded

    def _roll_back(self) -> None:
        writer = self.store.writer("shop")
        try:
            writer.rollback()
        except StoreError:
            pass  # there is nothing before it
        finally:
            writer.close()

    def _tick(self) -> None:
        """What the watcher does."""
        try:
            self.holder.refresh()
        except StoreUnavailableError as error:
            self.breaker.open(error)
        else:
            self.breaker.close()


@cache
def own_bundle(n: int) -> Bundle:
    bundle = small_bundle(f"r{n}", seed=n)
    ids = ["", *(f"r{n} {item_id}" for item_id in bundle.items.ids[1:])]
    return replace(bundle, items=replace(bundle.items, ids=ids))


def own_lists(bundle: Bundle) -> dict[int, list[str]]:
    return {slot: [f"{bundle.release.id} {item_id}" for item_id in ids] for slot, ids in full_lists(bundle, seed=int(bundle.release.id[1:])).items()}


@cache
def expected(n: int) -> list[list[Slate]]:
    """For each request what release n answers on each rung: whole first, then without its lists, its ranker, and both."""
    bundle = own_bundle(n)
    without_ranker = replace(bundle, rank=None, faults={"rank": "broken"})
    shops = [(one, MemoryStore(one.release, own_lists(one), down=down)) for one in (bundle, without_ranker) for down in (False, True)]
    pipelines = [standard_pipeline(store, OneRelease(ReleaseInMemory.of(one))) for one, store in shops]
    return [[pipeline.recommend(request) for pipeline in pipelines] for request in REQUESTS]


@contextmanager
def history(server: Server, random: Random) -> Iterator[History]:
    server.admin().flushall()
    with TemporaryDirectory() as folder, server.connect(1) as store:
        yield History(Path(folder), store, server, random)


HISTORIES = given(steps=st.lists(st.sampled_from(STEPS + ASK), min_size=5, max_size=40), random=st.randoms(use_true_random=False))


@HISTORIES
@settings(max_examples=15, deadline=None)
def test_no_history_of_the_store_and_its_bundles_mixes_two_releases(valkey_server: Server, steps: list[str], random: Random) -> None:
    _live_through(valkey_server, steps, random)


@pytest.mark.long
@HISTORIES
@settings(max_examples=400, deadline=None)
def test_no_history_among_hundreds_mixes_two_releases(valkey_server: Server, steps: list[str], random: Random) -> None:
    _live_through(valkey_server, steps, random)


def _live_through(valkey_server: Server, steps: list[str], random: Random) -> None:
    with history(valkey_server, random) as shop:
        for step in [*steps, "ask"]:
            shop.step(step)


@pytest.mark.parametrize("seed", range(3))
def test_visitors_who_ask_all_the_time_never_meet_a_mix(valkey_server: Server, seed: int) -> None:
    random, stop, errors = Random(seed), threading.Event(), list[BaseException]()
    with history(valkey_server, random) as shop:

        def ask() -> None:
            try:
                while not stop.is_set():
                    shop.step("ask")
            except BaseException as error:
                errors.append(error)
                raise

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 1.5
        while time.monotonic() < end and not errors:
            shop.step(random.choice(STEPS))
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors
