"""Puts a release together: what the API reads from disk, and what it reads from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import ProcessedDataset
from homefeed.config import ExportConfig
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress
from homefeed.core.release import LISTS, Release, new_release_id
from homefeed.recall.fresh import draw_into, fresh_of
from homefeed.recall.lists import MergedLists, clicked_items, hot_items, merged_lists
from homefeed.recall.moment import blend_of, channels_of, items_of, known_rows, lately_of
from homefeed.recall.tastes import tastes_into
from homefeed.store.base import UserList

Metrics = Mapping[str, Mapping[str, float]]
MEASURED = "measured"
"""Id of a release that is measured and never published: its draws are the same every time."""


@dataclass(frozen=True, slots=True)
class ReleaseDraft:
    """``lists``: None where candidates are found at request time."""

    bundle: Bundle
    lists: MergedLists | None

    @property
    def n_lists(self) -> int:
        return len(self.bundle.users) - 1 if self.lists else 0

    def user_lists(self) -> Iterator[UserList]:
        """Every known user's list, as the store keeps it; none where there are no lists."""
        if self.lists is None:
            return
        users, ids = self.bundle.users, np.array(self.bundle.items.ids, object)
        for row in range(1, len(users)):
            items = self.lists.items[row]
            size = int(np.count_nonzero(items))
            if size:
                sources = (self.lists.sources[row, :size] + ord("0")).tobytes()
                yield UserList(int(users.slots[row, 0]), ids[items[:size]].tolist(), sources)

    def hot(self) -> Iterator[tuple[str, float]]:
        """(raw item id, global_score), hottest first."""
        for row in self.bundle.hot:
            yield self.bundle.items.ids[row], float(self.bundle.hotness[row])


def draft_release(
    dataset: ProcessedDataset,
    recall: Checkpoint,
    rank: Checkpoint,
    tag_slots: dict[str, dict[str, int]],
    config: ExportConfig,
    now: datetime,
    progress: Progress,
    release_id: str = "",
) -> ReleaseDraft:
    """A release knows what its models have seen and no more: after models of the train side, hotness and clicks are those at the split.

    ``release_id``: what fresh items are drawn by; by default a new one.
    """
    release_id = release_id or new_release_id(now)
    hotness = _hotness(dataset, recall, rank)
    available = dataset.facts.available
    if not available[1:].any():
        raise ArtifactError("No item is available: every list of this release would be empty", next_step="Check the column `available` of item_feature.dat")
    hot = hot_items(hotness, available, config.hot_size)
    seen = clicked_items(known_rows(dataset, recall), len(dataset.users), dataset.meta.seen.policy == "exclude")
    fresh = fresh_of(dataset, recall, config, release_id)
    lists: MergedLists | None = None
    measured: Metrics = {}
    if config.candidates == LISTS:
        channels = channels_of(dataset, recall, np.arange(len(dataset.users)))
        lists = merged_lists(channels, blend_of(recall), hot, available, seen, config, progress)
        lists = tastes_into(lists, rank.model, dataset, hotness, available, seen, config)
        lists = draw_into(lists, channels, seen, fresh, dataset.users.ids, release_id, config)
        measured = {"lists": {"index_recall": round(lists.index_recall, 4)}}
    release = _record(dataset, recall, rank, {"hot": len(hot), "fresh": len(fresh)}, now, release_id, config.candidates, measured)
    vectors, boost = items_of(dataset, recall)
    tables = (dataset.users, dataset.items, available, hotness, hot, seen)
    models = (recall.model, vectors, rank.model)
    lately = lately_of(dataset, recall)
    bundle = Bundle(release, *tables, *models, tag_slots, lately=lately, item_boost=boost, fresh=fresh, fresh_per_list=config.fresh_per_list)
    return ReleaseDraft(bundle, lists)


def _hotness(dataset: ProcessedDataset, recall: Checkpoint, rank: Checkpoint) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    sides = {recall.rows_seen, rank.rows_seen}
    if sides == {"all"}:
        return dataset.facts.hotness_end
    if sides == {"train"}:
        return dataset.facts.hotness_split
    raise ArtifactError(
        "One of the two models has seen the test side and the other has not",
        expected="both fitted with --no-refit, or both without",
        next_step="Train both again: homefeed run",
    )


def _record(
    dataset: ProcessedDataset,
    recall: Checkpoint,
    rank: Checkpoint,
    counts: Mapping[str, int],
    now: datetime,
    release_id: str,
    candidates: str,
    measured: Metrics,
) -> Release:
    until_us = min(recall.fitted_until_us, rank.fitted_until_us)
    return Release(
        id=release_id,
        created_at=now.isoformat(timespec="seconds"),
        lineage=dataset.meta.lineage.id,
        fingerprint=str(dataset.meta.lineage.fingerprint),
        fitted_until=datetime.fromtimestamp(until_us / 1e6, UTC).isoformat(timespec="seconds"),
        seen_policy=dataset.meta.seen.policy,
        counts={"users": len(dataset.users) - 1, "items": len(dataset.items) - 1, **counts},
        metrics={recall.model.kind: dict(recall.metrics), rank.model.kind: dict(rank.metrics), **measured},
        candidates=candidates,
    )
