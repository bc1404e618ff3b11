"""The ranker's own candidates: what its factor model thinks highest of in the whole catalogue, so that no list withholds it from the slate.

On simulated shops lists of the recall channels alone kept 1 to 3 % of what that model can tell from the slates (docs/candidates.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from homefeed.artifacts.bundle import SeenItems
from homefeed.artifacts.processed import ProcessedDataset
from homefeed.config import ExportConfig
from homefeed.core.candidates import TASTE, Rows
from homefeed.features.encoder import encode
from homefeed.models.channels.blend import Mask, blocks
from homefeed.models.channels.fresh import evenly
from homefeed.models.factors import Factors
from homefeed.models.lookup import Floats
from homefeed.models.mix import Mix
from homefeed.models.weights import ModelWeights
from homefeed.recall.lists import MergedLists
from homefeed.recall.merge import own_columns, placed

PART = 5
"""Every fifth of a list's items, in the last places of the user's own in its second half."""


def tastes_into(
    merged: MergedLists, ranker: ModelWeights, dataset: ProcessedDataset, hotness: Floats, available: Mask, seen: SeenItems, config: ExportConfig
) -> MergedLists:
    """The lists of all users of the table with each one's best items by the factor model: on sale, not seen, and not listed already.

    As they are where that model counts nothing in pCTR, or knows nothing.
    """
    own = own_columns(config.dssm_per_hot, config.hot_from, config.list_size)
    columns = np.setdiff1d(own, evenly(own, config.fresh_per_list))[-max(config.list_size // PART, 1) :]
    if not len(columns) or not Mix.of(ranker.config).factors or not ranker.arrays["factors.values"].any():
        return merged
    users, items = _vectors(ranker, dataset, hotness)
    off_sale = np.flatnonzero(~available | (np.arange(len(available)) == 0))
    found = np.zeros((len(users), len(columns)), np.int32)
    for part in blocks(len(users), len(items)):
        scores = users[part] @ items.T
        scores[:, off_sale] = -np.inf
        _leave_out(scores, merged.items[part])
        offsets = seen.offsets[part.start : part.stop + 1]
        scores[np.repeat(np.arange(len(scores)), np.diff(offsets)), seen.items[offsets[0] : offsets[-1]]] = -np.inf
        best = torch.topk(torch.from_numpy(scores), min(len(columns), len(items)), dim=1)
        found[part, : best.indices.shape[1]] = torch.where(torch.isfinite(best.values), best.indices, 0).numpy()
    filled, sources = placed(merged.items, merged.sources, found, TASTE, columns)
    return replace(merged, items=filled, sources=sources)


def _leave_out(scores: Floats, listed: Rows) -> None:
    scores[np.arange(len(scores))[:, None], listed] = -np.inf


def _vectors(ranker: ModelWeights, dataset: ProcessedDataset, hotness: Floats) -> tuple[Floats, Floats]:
    """f32[U, 1 + d] and f32[N, 1 + d] whose dot product orders a user's items as the factor model does."""
    factors = Factors.of(ranker.arrays)
    user_table = encode(dataset.users, ranker.vocabulary, ranker.user_scale, 0)
    items = factors.of_items(encode(dataset.items, ranker.vocabulary, ranker.item_scale, user_table.n_fields))
    users = factors.of_users(user_table)
    users[:, 0] = 1
    items[:, 0] += factors.bias[1] * (np.log1p(hotness) - ranker.config["hotness_mean"]) / ranker.config["hotness_std"]
    return users, items
