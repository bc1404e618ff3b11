"""Fresh items: new ones whose clicks tell nothing yet. Each list gives a few of them a place, so that they can earn some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import SeenItems
from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import ExportConfig
from homefeed.core.candidates import FRESH, Rows
from homefeed.models.channels.fresh import drawn_places, evenly, generator_of
from homefeed.models.channels.scores import Channels
from homefeed.recall.lists import MergedLists
from homefeed.recall.merge import own_columns, placed
from homefeed.recall.moment import known_rows

Mask = npt.NDArray[np.bool_]

IMPRESSIONS = 100
"""From so many on an item's clicks speak for themselves: a click rate of 5 % is then known to two points."""
LATELY = 0.25
"""Launched lately: the item's first row lies in this last part of the time that the log spans."""
MAX_ITEMS = 1000
"""More fresh items than that take turns, release by release."""


def fresh_of(dataset: ProcessedDataset, recall: Checkpoint, config: ExportConfig, release_id: str) -> Rows:
    """int32[F], ascending: fresh items as of the last row that the model has seen; none where lists have no place for them."""
    if not config.fresh_per_list:
        return np.zeros(0, np.int32)
    return fresh_items(known_rows(dataset, recall), dataset.facts.available, release_id, unshown_too=recall.rows_seen == "all")


def fresh_items(rows: Interactions, available: Mask, release_id: str, *, unshown_too: bool) -> Rows:
    """int32[F], ascending: items on sale that were first shown lately and fewer than ``IMPRESSIONS`` times, ``MAX_ITEMS`` of them at most.

    None where ``rows`` are clicks or opinions and not impressions: they cannot tell what has had its chance.
    ``unshown_too``: and those without a row. Only who knows the whole log may take them for new: the item table is of today, so that for a
    model of the train side an item without a row may be one that launches on the test side.
    """
    if not rows.are_impressions:
        return np.zeros(0, np.int32)
    shown = np.bincount(rows.item, minlength=len(available))
    first_us = np.full(len(available), np.iinfo(np.int64).max)
    np.minimum.at(first_us, rows.item, rows.ts_us)
    since_us = rows.ts_us.max() - LATELY * np.ptp(rows.ts_us)
    fresh = available & (shown < IMPRESSIONS) & (first_us >= since_us) & (unshown_too | (shown > 0))
    fresh[0] = False
    found = np.flatnonzero(fresh)
    if len(found) > MAX_ITEMS:
        found = np.sort(generator_of(release_id).choice(found, MAX_ITEMS, replace=False))
    return found.astype(np.int32)


def draw_into(merged: MergedLists, channels: Channels, seen: SeenItems, fresh: Rows, uids: Sequence[str], release_id: str, config: ExportConfig) -> MergedLists:
    """The lists with ``config.fresh_per_list`` of the ``fresh`` items each, drawn by release and raw uid: nothing seen, nothing that the list holds.

    ``uids``: raw ids, aligned with the lists.
    """
    columns = evenly(own_columns(config.dssm_per_hot, config.hot_from, config.list_size), config.fresh_per_list)
    if not len(fresh) or not len(columns):
        return merged
    vectors = channels.items.numpy()[fresh].T
    place = np.full(len(channels.items), -1)
    place[fresh] = np.arange(len(fresh))
    drawn = np.zeros((len(uids), len(columns)), np.int32)
    for user, uid in enumerate(uids):
        scores = channels.users[user].numpy() @ vectors
        taken = place[np.concatenate([merged.items[user], seen.of(user)])]
        scores[taken[taken >= 0]] = -np.inf
        found = fresh[drawn_places(scores, len(columns), release_id, uid)]
        drawn[user, : len(found)] = found
    items, sources = placed(merged.items, merged.sources, drawn, FRESH, columns)
    return replace(merged, items=items, sources=sources)
