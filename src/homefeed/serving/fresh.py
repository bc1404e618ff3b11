"""Fresh items at request time: for everybody whose candidates the nightly export did not write, by the draw that it makes for lists."""

from __future__ import annotations

import numpy as np

from homefeed.core.candidates import FRESH, CandidateSet, Rows
from homefeed.models.channels.fresh import drawn_places, evenly
from homefeed.serving.guests import one_user
from homefeed.serving.recent import history_with
from homefeed.serving.release_in_memory import RANKED
from homefeed.serving.sources import candidates_of
from homefeed.serving.stages import Visit
from homefeed.serving.stopwatch import RECALL, Stopwatch

PLACES = np.arange(RANKED // 2, RANKED)
"""Fresh items stand in the second half of what is ranked, as in a list."""


def with_fresh(visit: Visit, candidates: CandidateSet, watch: Stopwatch) -> CandidateSet:
    """``candidates`` and among them the release's quota of fresh items, the same at every request of this visitor; a list has had its draw at export.

    Behind fresh clicks that draw gives way to this one.
    """
    has_had_them = visit.has_list and not visit.asks_the_model
    if has_had_them or not len(candidates) or visit.release.towers.failure:
        return candidates
    others = candidates.take(candidates.source != FRESH)
    fresh = _drawn(visit, others.item[:RANKED])
    others = others.take(np.isin(others.item, fresh, invert=True))
    places = np.minimum(evenly(PLACES, len(fresh)), len(others) + np.arange(len(fresh)))
    order = np.insert(np.arange(len(others)), places - np.arange(len(fresh)), len(others) + np.arange(len(fresh)))
    mixed = others.followed_by(candidates_of(fresh, FRESH)).take(order)
    watch.lap(RECALL)
    return mixed


def _drawn(visit: Visit, listed: Rows) -> Rows:
    """Rows of the fresh items that this visitor gets: on sale, not seen, not ``listed``."""
    bundle = visit.release.bundle
    allowed = bundle.available[bundle.fresh] & np.isin(bundle.fresh, np.concatenate([listed, visit.not_again]), invert=True)
    if not bundle.fresh_per_list or not allowed.any():
        return bundle.fresh[:0]
    user = one_user(bundle.users, visit.user_row) if visit.tags is None else visit.tags
    wants = visit.release.towers.wants(user, history_with(bundle.lately, visit.user_row, visit.recent), bundle.fresh)
    return bundle.fresh[drawn_places(np.where(allowed, wants, -np.inf), bundle.fresh_per_list, bundle.release.id, visit.request.uid)]
