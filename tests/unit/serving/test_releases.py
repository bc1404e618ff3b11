"""Following the store's live release."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from nights import Night
from small_release import UIDS, full_lists, small_bundle, with_broken_ranker
from waiting import eventually

from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.artifacts.release_folder import write_live
from homefeed.core.slate import Slate
from homefeed.serving.breaker import CircuitBreaker
from homefeed.serving.health import Health
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.visits import NoReleaseError
from homefeed.serving.watcher import ReleaseWatcher


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


def test_the_log_tells_each_switch_and_a_store_that_was_emptied_once(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    first, second = small_bundle("r1"), small_bundle("r2", seed=2)
    for bundle in (first, second):
        night.publish(bundle)
        night.holder.refresh()
    night.store.release = first.release
    with caplog.at_level("INFO", logger="homefeed"):
        night.holder.refresh()
        assert "Release r1 answers from now on" in caplog.text
        night.store.release = None
        for _ in range(3):
            night.holder.refresh()
        assert caplog.text.count("The store holds no release any more") == 1


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
