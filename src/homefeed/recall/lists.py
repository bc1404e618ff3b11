"""Each user's merged recall list: the best items by the blend of all channels and the hottest, less what may not be listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import SeenItems
from homefeed.artifacts.processed import Interactions
from homefeed.config import ExportConfig
from homefeed.core.candidates import HOT, Rows
from homefeed.core.progress import Progress
from homefeed.metrics.ranking import relevant_items
from homefeed.models.channels.blend import Blend, Mask, blocks
from homefeed.models.channels.scores import Channels
from homefeed.models.channels.union import Union, user_blocks
from homefeed.models.index import search_over
from homefeed.recall.merge import Sources, interleave

SCORED_WHOLE = 100_000
"""Up to so many items the blend scores every one for every user, which is as fast as to choose first."""
Chooser = Callable[[slice, int], tuple[Rows, Sources]]
"""(users, how many) to items and sources, both [users, how many]."""


@dataclass(frozen=True, slots=True)
class MergedLists:
    """``items`` int32[U, size] and ``sources`` uint8[U, size], 0-padded. ``index_recall``: what the search for them found of the exact best."""

    items: Rows
    sources: Sources
    index_recall: float = 1.0


def clicked_items(rows: Interactions, n_users: int, exclude: bool) -> SeenItems:
    """What each user has clicked in ``rows``; empty where the shop shows such items again."""
    clicked = rows.label > 0 if exclude else np.zeros(len(rows), np.bool_)
    pairs = relevant_items(rows.user[clicked], rows.item[clicked], n_users)
    return SeenItems(pairs.offsets, pairs.items)


def hot_items(hotness: npt.NDArray[np.float32], available: npt.NDArray[np.bool_], size: int) -> Rows:
    """int32[H]: rows of available items, hottest first."""
    order = np.argsort(-hotness, kind="stable")
    best: Rows = order[available[order] & (order > 0)][:size].astype(np.int32)
    return best


def merged_lists(
    channels: Channels, blend: Blend, hot: Rows, available: npt.NDArray[np.bool_], seen: SeenItems, config: ExportConfig, progress: Progress
) -> MergedLists:
    """Lists of all the channels' users, aligned with ``seen``.

    Who has seen the whole catalogue is shown what is hot, seen or not: no feed is empty.
    """
    forbidden = ~available
    forbidden[0] = True
    best, parts_of_users, index_recall = _chooser(channels, blend, forbidden, seen, progress)
    parts = []
    with progress.task("Candidates", len(channels), "users") as advance:
        for part in parts_of_users:
            own, sources = best(part, config.list_size + len(hot[: config.list_size]))
            unseen_hot = _unseen_hot(hot, seen, part.start, len(own), config.list_size)
            parts.append(interleave(own, sources, unseen_hot, config.dssm_per_hot, config.hot_from, config.list_size))
            advance(len(own))
    merged, sources = np.vstack([p[0] for p in parts]), np.vstack([p[1] for p in parts])
    seen_it_all = merged[:, 0] == 0
    merged[seen_it_all, : min(len(hot), config.list_size)] = hot[: config.list_size]
    sources[seen_it_all] = HOT
    return MergedLists(merged, sources, index_recall)


def _chooser(channels: Channels, blend: Blend, forbidden: Mask, seen: SeenItems, progress: Progress) -> tuple[Chooser, Iterable[slice], float]:
    """(users' best by the blend, users at a time, index recall); a small catalogue is scored whole, a large one where a channel says something."""
    pairs, n_users, n_items = (seen.offsets, seen.items), len(channels), len(channels.items)
    if n_items <= SCORED_WHOLE:
        return (lambda part, size: blend.best(channels, part, forbidden, pairs, size)), blocks(n_users, n_items), 1.0
    search = search_over(channels.items.numpy(), ~forbidden, channels.users.numpy(), progress)
    return Union.of(blend, channels, search, forbidden, pairs).best, user_blocks(n_users), search.recall


def _unseen_hot(hot: Rows, seen: SeenItems, start: int, n_users: int, size: int) -> Rows:
    """int32[n_users, W]: the hot list of each user, what the user has seen replaced by 0."""
    offsets = seen.offsets[start : start + n_users + 1]
    items = seen.items[offsets[0] : offsets[-1]]
    if not len(items):
        return np.broadcast_to(hot[: 2 * size], (n_users, len(hot[: 2 * size])))
    place = np.full(int(max(hot.max(initial=0), items.max())) + 1, -1)
    place[hot] = np.arange(len(hot))
    lists = np.repeat(hot[None], n_users, 0)
    user = np.repeat(np.arange(n_users), np.diff(offsets))
    hit = place[items] >= 0
    lists[user[hit], place[items[hit]]] = 0
    return lists
