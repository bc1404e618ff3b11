"""Slates for measuring, from the serving pipeline itself: what a visitor would have been shown, with no network and no store in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import Rows
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress
from homefeed.core.release import Release
from homefeed.core.slate import Request, Slate
from homefeed.serving.degraded import LIST
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease
from homefeed.store.base import ListRead, UserList


@dataclass(frozen=True, slots=True)
class ServedSlates:
    """``items``: int32[U, k], rows of the bundle's items, best first, 0-padded. ``source``: uint8[U, k], places in ``sources``, of items only."""

    items: Rows
    source: npt.NDArray[np.uint8]
    sources: tuple[str, ...]


class ListsInMemory:
    """A ``ReleaseReader`` of one release's lists."""

    def __init__(self, release: Release, lists: Iterable[UserList]) -> None:
        self._release = release
        self._lists = {one.user_slot: ListRead(release.id, [item.encode() for item in one.item_ids], one.sources) for one in lists}

    def read_list(self, user_slot: int, size: int, db: int | None = None) -> ListRead:
        held = self._lists.get(user_slot, ListRead(self._release.id, [], b""))
        return ListRead(held.release_id, held.item_ids[:size], held.sources[:size])

    def read_release(self) -> Release:
        return self._release


def served_slates(bundle: Bundle, lists: Iterable[UserList], users: Rows, k: int, progress: Progress) -> ServedSlates:
    """Slates for ``users`` (int32[U], rows of the bundle's users); ``lists``: what an export would write.

    Whom ``lists`` leaves out is shown what is hot, as by the API. Raises ``ArtifactError`` when the pipeline answers degraded in any other way: such slates are
    not the system's.
    """
    release = ReleaseInMemory.of(bundle)
    pipeline = standard_pipeline(ListsInMemory(bundle.release, lists), OneRelease(release))
    items, source = np.zeros((len(users), k), np.int32), np.zeros((len(users), k), np.uint8)
    codes: dict[str, int] = {}
    with progress.task("Serving slates", len(users), "users") as advance:
        for place, user in enumerate(users.tolist()):
            slate = pipeline.recommend(Request(request_id="", uid=bundle.users.ids[user], top_k=k))
            rows = _item_rows(release, slate)
            items[place, : len(rows)] = rows
            source[place, : len(rows)] = [codes.setdefault(item.source, len(codes)) for item in slate.items]
            advance(1)
    return ServedSlates(items, source, tuple(codes))


def _item_rows(release: ReleaseInMemory, slate: Slate) -> Rows:
    out = set(slate.degraded) - {LIST}
    if out:
        why = "; ".join(release.reasons().values())
        raise ArtifactError(f"The slate of {slate.uid} was served without {', '.join(sorted(out))}: {why}", next_step="Train again: homefeed train")
    return release.ranker.item_rows([item.item_id.encode() for item in slate.items])
