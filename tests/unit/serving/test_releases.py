"""Following the store's live release."""

from __future__ import annotations

import gc
import shutil
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from small_release import NOW, UIDS, MemoryStore, full_lists, small_bundle, with_broken_ranker
from waiting import eventually

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.artifacts.release_folder import write_live
from homefeed.core.errors import StoreError
from homefeed.core.release import Previous, Release
from homefeed.core.slate import Request, Slate
from homefeed.serving import shelf
from homefeed.serving.breaker import CircuitBreaker
from homefeed.serving.health import Health, check_health
from homefeed.serving.holder import ReleaseHolder
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.rank_service import RankService
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.visits import NoReleaseError
from homefeed.serving.watcher import ReleaseWatcher

AGE = timedelta(hours=48)


class Night:
    """A folder of bundles, a store, and a process that serves from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore(None)
        self.holder = ReleaseHolder(folder, self.store)
        self.pipeline = standard_pipeline(self.store, self.holder)

    def publish(self, bundle: Bundle, on_disk: bool = True) -> None:
        if on_disk:
            write_bundle(self.folder, bundle)
        self.store.lists = full_lists(bundle, seed=len(bundle.release.id))
        self.store.release = bundle.release

    def recommend(self, uid: str = "bob") -> Slate:
        return self.pipeline.recommend(Request("q", uid, 10))

    def health(self, now_offset: timedelta = timedelta()) -> Health:
        return check_health(self.store, self.holder, NOW + now_offset, AGE)

    def current_id(self) -> str | None:
        current = self.holder.current()
        return current.id if current else None


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_a_bundle_read_back_from_disk_serves_the_live_release(night: Night) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    slate = night.recommend()
    assert (slate.release, slate.degraded, len(slate.items)) == ("r1", (), 10)
    assert night.health() == Health((), "r1", 7200.0, ())


def test_nothing_at_all_is_said_so(night: Night) -> None:
    night.holder.start()
    with pytest.raises(NoReleaseError, match="homefeed export"):
        night.recommend()
    assert night.health().out == ("rank_service", "release")


def test_a_request_that_reads_a_new_release_switches_to_it_at_once(night: Night) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    night.publish(small_bundle("r2", seed=2))
    slate = night.recommend()
    assert (slate.release, slate.degraded) == ("r2", ())
    assert night.recommend("nobody").release == "r2"


def test_the_release_before_stays_in_memory_for_a_rollback(night: Night) -> None:
    first = small_bundle("r1")
    night.publish(first)
    night.holder.start()
    night.publish(small_bundle("r2", seed=2))
    night.recommend()
    shutil.rmtree(night.folder / "r1")
    night.publish(first, on_disk=False)
    assert night.recommend().release == "r1"
    night.holder.refresh()
    assert night.recommend("nobody").release == "r1"


def test_slots_of_another_map_are_looked_up_again(night: Night) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    other = small_bundle("r2", seed=2)
    other.users.slots[1:, 0] += 40
    night.publish(other)
    slate = night.recommend()
    assert slate.release == "r2"
    assert {item.item_id for item in slate.items} <= set(night.store.lists[42])


def test_a_release_without_a_bundle_here_is_answered_by_the_hot_list_we_have(night: Night) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    night.publish(small_bundle("r2"), on_disk=False)
    slate = night.recommend()
    assert (slate.release, slate.degraded, slate.is_cold_start) == ("r1", ("release",), False)
    assert {item.source for item in slate.items} == {"hot"}
    night.holder.refresh()
    assert night.recommend("nobody").degraded == ("release",)
    assert night.health().out == ("release",)


def test_a_bundle_that_arrives_late_is_picked_up(night: Night) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    night.publish(small_bundle("r2"), on_disk=False)
    night.recommend()
    write_bundle(night.folder, small_bundle("r2"))
    night.holder.refresh()
    assert (night.recommend().release, night.recommend().degraded) == ("r2", ())


def test_a_store_that_is_down_at_the_start_means_the_newest_whole_bundle(night: Night) -> None:
    for release_id in ("r1", "r2", "r3"):
        write_bundle(night.folder, small_bundle(release_id))
    (night.folder / "r3" / "hot.safetensors").write_bytes(b"torn")
    night.store.down = True
    night.holder.start()
    assert (night.recommend().release, night.recommend().degraded) == ("r2", ("redis",))
    assert night.health().out == ("redis",)
    assert night.recommend("nobody").degraded == ()


def test_a_store_that_is_down_at_the_start_means_the_release_that_was_last_made_live(night: Night) -> None:
    for release_id in ("r1", "r2", "r3-rolled-back"):
        write_bundle(night.folder, small_bundle(release_id))
    write_live(night.folder, "r2")
    night.store.down = True
    night.holder.start()
    assert (night.recommend().release, night.recommend().degraded) == ("r2", ("redis",))


@pytest.mark.parametrize("named", ["r9", "../r1", ".", "\N{SNOWMAN}"])
def test_a_live_release_without_a_bundle_here_gives_way_to_the_newest_that_has_one(named: str, night: Night) -> None:
    for release_id in ("r1", "r2"):
        write_bundle(night.folder, small_bundle(release_id))
    write_live(night.folder, named)
    night.store.down = True
    night.holder.start()
    assert night.recommend().release == "r2"


@pytest.mark.parametrize("release_id", ["../outside", ".", "..", "a/b", ""])
def test_a_release_id_that_leads_out_of_the_folder_is_not_followed(night: Night, release_id: str) -> None:
    night.publish(small_bundle("r1"))
    night.holder.start()
    night.publish(small_bundle(release_id), on_disk=False)
    assert night.recommend().degraded == ("release",)


def test_a_broken_ranker_and_an_old_release_show_in_the_health(night: Night) -> None:
    night.publish(with_broken_ranker(small_bundle("r1")))
    night.holder.start()
    health = night.health(timedelta(hours=47))
    assert health.out == ("rank_service",)
    assert health.release_age_seconds == 49 * 3600
    assert "49.0 h old" in health.warnings[0]


def test_a_switch_under_concurrent_requests_fails_none_and_never_mixes_releases(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    bundles = [small_bundle(f"r{n}", seed=n) for n in range(4)]
    for bundle in bundles:
        write_bundle(night.folder, bundle)
    lists = {bundle.release.id: full_lists(bundle, seed=n) for n, bundle in enumerate(bundles)}
    night.publish(bundles[0], on_disk=False)
    night.store.lists = lists["r0"]
    night.holder.start()
    loads: list[str] = []
    read = night.holder._shelf.take

    def slow_read(release_id: str) -> ReleaseInMemory:
        loads.append(release_id)
        time.sleep(0.05)
        return read(release_id)

    monkeypatch.setattr(night.holder._shelf, "take", slow_read)

    def ask(n: int) -> Slate:
        if n % 100 == 50:
            night.store.__dict__.update(lists=lists[f"r{n // 100}"], release=bundles[n // 100].release)
        return night.recommend(["ann", "bob", "nobody"][n % 3])

    with ThreadPoolExecutor(8) as pool:
        slates = [slate for night_of in range(1, 4) for slate in pool.map(ask, range(100 * night_of, 100 * night_of + 100))]
    assert sorted(loads) == ["r1", "r2", "r3"]
    assert all(slate.degraded == () and len(slate.items) == 10 for slate in slates)
    assert all({item.item_id for item in slate.items} <= set(lists[slate.release][UIDS.index(slate.uid)]) for slate in slates if slate.uid != "nobody")
    assert slates[-1].release == "r3"


def test_the_watcher_notices_a_release_that_no_request_has_met(night: Night) -> None:
    night.publish(small_bundle("r1"))
    watcher = ReleaseWatcher(night.holder, CircuitBreaker(night.store), lambda: None, interval_seconds=0.01)
    watcher.ensure_running()
    assert night.current_id() == "r1"
    night.store.down = True
    night.publish(small_bundle("r2"))
    night.store.down = False
    assert eventually(lambda: night.current_id() == "r2")
    watcher.stop()


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
