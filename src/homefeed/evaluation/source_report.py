"""What each source of candidates brings to the slates that are served."""

from __future__ import annotations

import numpy as np

from homefeed.evaluation.report import SourceShare
from homefeed.evaluation.served import ServedSlates
from homefeed.metrics.ranking import Hits


def source_report(slates: ServedSlates, hit: Hits) -> tuple[SourceShare, ...]:
    """Sources by their share of the places, largest first; ``hit``: bool[U, k], of the slates' items."""
    shown = slates.items > 0
    places = np.bincount(slates.source[shown], minlength=len(slates.sources))
    hits = np.bincount(slates.source[hit & shown], minlength=len(slates.sources))
    order = [i for i in np.argsort(-places, kind="stable").tolist() if places[i]]
    return tuple(_share(slates.sources[i], int(places[i]), int(hits[i]), int(places.sum()), int(hits.sum())) for i in order)


def _share(source: str, places: int, hits: int, all_places: int, all_hits: int) -> SourceShare:
    return SourceShare(source, places / all_places, hits / max(all_hits, 1), hits / places)
