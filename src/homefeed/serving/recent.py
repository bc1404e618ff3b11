"""What a visitor has clicked since the nightly log was written: read from the request, and put behind what the release knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homefeed.artifacts.bundle import Lately
from homefeed.core.candidates import Rows
from homefeed.models.tower import History
from homefeed.serving.rank_service import RankService

MAX_RECENT = 50
"""The latest of so many clicks count."""
FRESH_GAP = 3
"""Bucket of the time between fresh clicks, and from the last of them to now: 7 to 15 seconds."""


def recent_rows(ranker: RankService, texts: Sequence[str]) -> Rows:
    """int32[L]: rows of the items that the release knows, oldest first. A text that is no id itself is several with commas between."""
    known = [[row] if (row := _rows(ranker, [text])[0]) else _rows(ranker, text.split(",")) for text in texts]
    rows = [row for part in known for row in part if row]
    return np.array(rows[-MAX_RECENT:], np.int32)


def history_with(lately: Lately, user_row: int, recent: Rows) -> History:
    """What the user did by the log, then the fresh clicks."""
    known, n = lately.of(user_row), len(recent)
    clicked, gap = np.concatenate([known.clicked, np.ones(n, np.bool_)]), np.concatenate([known.gap, np.full(n, FRESH_GAP)])
    return History(np.concatenate([known.item, recent]), clicked, gap)


def _rows(ranker: RankService, ids: Sequence[str]) -> list[int]:
    rows: list[int] = ranker.item_rows([one.encode(errors="replace") for one in ids]).tolist()
    return rows
