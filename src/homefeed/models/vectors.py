"""Users' and items' vectors under a recall model: what search, export and validation compare."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from homefeed.features.history import Histories
from homefeed.models.dssm import DSSM, Events
from homefeed.models.inputs import SideInput
from homefeed.models.losses import half_is_fast

BATCH_PLACES = 16_384


def item_vectors(model: DSSM, items: SideInput) -> Tensor:
    """f32[N, d + 1]: each item's vector and its bias."""
    with torch.inference_mode():
        vectors, bias = model.items(items)
        return torch.cat([vectors, bias.unsqueeze(1)], 1)


def user_vectors(model: DSSM, users: SideInput, histories: Histories, as_of_us: int | None, rows: npt.NDArray[np.int64], items: Tensor) -> Tensor:
    """f32[len(rows), d + 1]: what the users at ``rows`` want after their last events; the last number is 1, for the items' biases.

    ``as_of_us``: the moment they are asked at, None where each one's last event is (see ``Histories.gaps``). ``items``: ``item_vectors``.
    """
    max_events = model.encoder.place.num_embeddings - 1
    gaps, counts = histories.gaps(as_of_us), np.minimum(histories.counts()[rows], max_events)
    wanted = torch.ones(len(rows), items.shape[1])
    order = np.argsort(counts, kind="stable")
    model.eval()
    with torch.inference_mode():
        for part in _parts(counts[order]):
            asked = order[part]
            events, length = _events(histories, gaps, rows[asked], counts[asked]), torch.from_numpy(counts[asked])
            with torch.autocast("cpu", torch.bfloat16, enabled=half_is_fast()):
                after = model.wanted(users.rows(torch.from_numpy(rows[asked])), events, items[:, :-1])
            wanted[torch.from_numpy(asked), :-1] = after[torch.arange(len(asked)), length].float()
    return wanted


def _parts(ascending: npt.NDArray[np.int64]) -> list[slice]:
    """Batches of histories of like length, ``BATCH_PLACES`` each at most."""
    parts, start = [], 0
    while start < len(ascending):
        stop = start + 1
        while stop < len(ascending) and (stop + 1 - start) * (int(ascending[stop]) + 1) <= BATCH_PLACES:
            stop += 1
        parts.append(slice(start, stop))
        start = stop
    return parts


def _events(histories: Histories, gaps: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> Events:
    place = histories.offsets[rows + 1][:, None] - counts[:, None] + np.arange(counts.max())
    place = np.minimum(place, len(histories.item) - 1)
    return Events(*(torch.from_numpy(column[place].astype(np.int64)) for column in (histories.item, histories.clicked, gaps)))
