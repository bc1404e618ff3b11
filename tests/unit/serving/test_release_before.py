"""A live release that cannot be served here: why, what answers instead, and when it is tried again."""

from __future__ import annotations

import gc
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from nights import Night
from small_release import MemoryStore, full_lists, small_bundle
from waiting import eventually

from homefeed.artifacts.bundle import Bundle
from homefeed.core.errors import StoreError
from homefeed.core.release import Previous, Release
from homefeed.serving import shelf
from homefeed.serving.health import Health
from homefeed.serving.rank_service import RankService
from homefeed.serving.release_in_memory import ReleaseInMemory


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def broken(folder: Path, name: str = "items.safetensors") -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1] + b"\x99")


def publish_over(night: Night, bundle: Bundle, previous: Bundle, db: int = 3) -> dict[int, list[str]]:
    """As the store does it: the new record names the release before and the database that its lists lie in now."""
    before = full_lists(previous, seed=77)
    night.publish(replace(bundle, release=replace(bundle.release, previous=Previous(previous.release.id, db))))
    night.store.others[db] = MemoryStore(previous.release, before)
    return before


@pytest.mark.parametrize("restarted", [False, True])
def test_a_live_release_whose_bundle_is_broken_is_answered_wholly_by_the_one_before(night: Night, restarted: bool) -> None:
    first = small_bundle("r1")
    night.publish(first)
    if not restarted:
        night.holder.start()
    before = publish_over(night, small_bundle("r2", seed=2), first)
    broken(night.folder / "r2")
    if restarted:
        night.holder.start()
    slate = night.recommend()
    assert (slate.release, slate.degraded, {item.source for item in slate.items}) == ("r1", ("release",), {"dssm"})
    assert {item.item_id for item in slate.items} <= set(before[2])
    health = night.health()
    assert (health.out, health.release) == (("release",), "r1")
    assert "items.safetensors is not the file that was written" in health.reasons["release"]


def test_lists_of_the_release_before_are_used_only_where_they_are_still_its_own(night: Night) -> None:
    first = small_bundle("r1")
    night.publish(first)
    night.holder.start()
    publish_over(night, small_bundle("r2", seed=2), first)
    broken(night.folder / "r2")
    night.store.others[3].release = small_bundle("r3").release
    assert {item.source for item in night.recommend().items} == {"hot"}
    night.store.others[3].down = True
    slate = night.recommend()
    assert (slate.release, slate.degraded, {item.source for item in slate.items}) == ("r1", ("release", "redis"), {"hot"})


@pytest.mark.parametrize("field", ["lineage", "fingerprint"])
def test_a_bundle_of_another_map_than_the_stores_lists_is_not_served_beside_them(field: str, night: Night) -> None:
    first, second = small_bundle("r1"), small_bundle("r2", seed=2)
    night.publish(first)
    night.holder.start()
    night.publish(second)
    night.store.release = replace(second.release, **{field: "another"})
    slate = night.recommend()
    assert (slate.release, slate.degraded, {item.source for item in slate.items}) == ("r1", ("release",), {"hot"})
    assert f"The bundle of release r2 is of {field}" in night.health().reasons["release"]


def test_a_bundle_that_was_loaded_while_the_store_was_out_is_compared_when_it_is_back(night: Night) -> None:
    bundle = small_bundle("r1")
    night.publish(bundle)
    night.store.down = True
    night.holder.start()
    night.store.down = False
    night.store.release = replace(bundle.release, fingerprint="another")
    night.holder.refresh()
    slate = night.recommend()
    assert (slate.release, slate.degraded, {item.source for item in slate.items}) == ("r1", ("release",), {"hot"})
    assert night.recommend("nobody").degraded == ("release",)
    night.store.release = bundle.release
    night.holder.refresh()
    assert night.recommend().degraded == ()


def test_a_bundle_under_another_name_is_not_taken_for_that_release(night: Night) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    shutil.copytree(night.folder / "r1", night.folder / "r2")
    night.publish(small_bundle("r2"), on_disk=False)
    assert night.recommend().degraded == ("release",)
    assert "it is that of release r1" in night.health().reasons["release"]


def test_a_broken_bundle_is_read_again_only_when_its_files_have_changed(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = shelf.read_bundle

    def counted(folder: Path) -> Bundle:
        reads.append(folder.name)
        return read(folder)

    monkeypatch.setattr(shelf, "read_bundle", counted)
    night.publish(small_bundle("r1"))
    night.holder.start()
    night.publish(small_bundle("r2", seed=2))
    whole = (night.folder / "r2" / "items.safetensors").read_bytes()
    broken(night.folder / "r2")
    for _ in range(5):
        night.holder.refresh()
        assert night.recommend().release == "r1"
        assert night.health().out == ("release",)
    assert reads == ["r1", "r2"]
    (night.folder / "r2" / "items.safetensors").write_bytes(whole)
    night.holder.refresh()
    assert (night.recommend().release, night.recommend().degraded) == ("r2", ())
    assert reads == ["r1", "r2", "r2"]


def test_a_ranker_whose_file_arrives_late_is_taken_up(night: Night) -> None:
    night.publish(small_bundle("r1"))
    path = night.folder / "r1" / "rank.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:100])
    night.holder.start()
    assert night.recommend().degraded == ("rank_service",)
    assert night.health().out == ("rank_service",)
    path.write_bytes(content[:200])
    night.holder.refresh()
    assert night.recommend().degraded == ("rank_service",)
    path.write_bytes(content)
    night.holder.refresh()
    assert night.recommend().degraded == ()
    assert night.health() == Health((), "r1", 7200.0, ())


def test_there_are_never_three_releases_in_memory_not_even_while_one_loads(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    alive: weakref.WeakSet[RankService] = weakref.WeakSet()
    read = shelf.read_bundle

    def counted(folder: Path) -> Bundle:
        gc.collect()
        held.append(len(alive))
        return read(folder)

    monkeypatch.setattr(shelf, "read_bundle", counted)
    for n in range(5):
        night.publish(small_bundle(f"r{n}", seed=n))
        night.holder.refresh()
        current = night.holder.current()
        assert current is not None
        alive.add(current.ranker)
        del current
    assert held == [0, 1, 1, 1, 1]


def test_a_store_whose_record_cannot_be_read_says_so_in_the_health(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()

    def illegible() -> Release:
        raise StoreError("The release record cannot be read")

    monkeypatch.setattr(night.store, "read_release", illegible)
    health = night.health()
    assert (health.out, health.reasons["release"]) == (("release",), "The release record cannot be read.")
    assert night.recommend().degraded == ()


def test_a_health_check_of_a_store_that_is_out_names_the_store(night: Night) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    night.store.down = True
    assert night.health().reasons == {"redis": "the store does not answer."}


def test_who_needs_a_release_that_takes_long_to_load_is_answered_by_the_one_before(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    first, may_go_on, take = small_bundle("r1"), Event(), night.holder._shelf.take
    night.publish(first)
    night.holder.start()
    night.holder._wait_seconds = 0.05
    before = publish_over(night, small_bundle("r2", seed=2), first)

    def slow(release_id: str) -> ReleaseInMemory:
        may_go_on.wait(10)
        return take(release_id)

    monkeypatch.setattr(night.holder._shelf, "take", slow)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(night.recommend)
        assert eventually(night.holder._lock.locked)
        slate = night.recommend()
        assert (slate.release, slate.degraded) == ("r1", ("release",))
        assert {item.item_id for item in slate.items} <= set(before[2])
        assert night.recommend("nobody").degraded == ()
        may_go_on.set()
        assert (loading.result().release, loading.result().degraded) == ("r2", ())
    assert (night.recommend().release, night.recommend().degraded) == ("r2", ())
