"""Lists over a catalogue too large to score whole, by an exact search and by a graph, are those of the whole scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from homefeed.artifacts.bundle import SeenItems
from homefeed.config import ExportConfig
from homefeed.core.progress import Silent
from homefeed.features.history import histories_of
from homefeed.models import index
from homefeed.models.channels.blend import Blend
from homefeed.models.channels.scores import channels_at
from homefeed.recall import lists as lists_module
from homefeed.recall.lists import MergedLists, hot_items, merged_lists

N_USERS, N_ITEMS, DIM, N_EVENTS = 150, 1200, 8, 4000
BLEND = Blend({"dssm": 1.0, "hot": 0.2, "lately_hot": 0.1, "in_vain": -4.0, "i2i": 0.4, "viewed": 0.3})


def lists() -> MergedLists:
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, N_USERS, N_EVENTS).astype(np.int32), rng.integers(1, N_ITEMS, N_EVENTS).astype(np.int32)
    histories = histories_of(user, item, rng.random(N_EVENTS) < 0.6, rng.integers(0, 10**9, N_EVENTS), N_USERS)
    users, items = (torch.from_numpy(rng.normal(size=(n, DIM)).astype(np.float32)) for n in (N_USERS, N_ITEMS))
    channels = channels_at(users, items, histories, np.arange(N_USERS), again=False)
    available = rng.random(N_ITEMS) < 0.95
    hot = hot_items(rng.gamma(1, 1, N_ITEMS).astype(np.float32), available, 300)
    seen = [np.unique(rng.integers(1, N_ITEMS, 30)).astype(np.int32) for _ in range(N_USERS)]
    pairs = SeenItems(np.cumsum([0, *map(len, seen)]).astype(np.int64), np.concatenate(seen))
    return merged_lists(channels, BLEND, hot, available, pairs, ExportConfig(), Silent())


@pytest.mark.parametrize("graph", [False, True])
def test_a_large_catalogue_gives_the_lists_that_scoring_it_whole_gives(graph: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lists()
    monkeypatch.setattr(lists_module, "SCORED_WHOLE", 0)
    if graph:
        monkeypatch.setattr(lists_module, "search_over", lambda *asked: index.search_over(*asked, exact_pairs=0))
    large = lists()
    same = [len(set(one) & set(other)) / 100 for one, other in zip(whole.items.tolist(), large.items.tolist(), strict=True)]
    assert np.mean(same) > 0.97
    assert (large.items > 0).all()
    assert (large.sources == whole.sources)[large.items == whole.items].all()
    assert whole.index_recall == 1.0
    assert (large.index_recall < 1.0) == graph
    assert large.index_recall > 0.95
