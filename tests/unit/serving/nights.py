"""A folder of bundles, a store, and a process that serves from them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from small_release import NOW, MemoryStore, full_lists

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_writer import write_bundle
from homefeed.core.slate import Request, Slate
from homefeed.serving.health import Health, check_health
from homefeed.serving.holder import ReleaseHolder
from homefeed.serving.pipeline import standard_pipeline

AGE = timedelta(hours=48)


class Night:
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
