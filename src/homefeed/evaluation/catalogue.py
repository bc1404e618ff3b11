"""What lists are judged against besides clicks: how well known each item is, its tags, and the groups that items and users fall into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.evaluation.protocol import Mask, Protocol
from homefeed.evaluation.segments import item_segments, user_segments
from homefeed.features.entities import EntityTable
from homefeed.metrics.beyond_accuracy import self_information


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Aligned with the item table but for ``users``, whose masks are aligned with the protocol's. ``tags``: 0 or 1, [item rows, slots]."""

    rows: npt.NDArray[np.int32]
    information: npt.NDArray[np.float64]
    tags: csr_matrix
    items: Mapping[str, Mask]
    users: Mapping[str, Mask]


def catalogue_of(dataset: ProcessedDataset, protocol: Protocol) -> Catalogue:
    """Everything from the train side."""
    clicks = dataset.facts.clicks_split
    users = {name: mask[protocol.users] for name, mask in user_segments(dataset).items()}
    information = np.zeros(len(clicks))
    information[protocol.catalogue] = self_information(clicks[protocol.catalogue])
    return Catalogue(protocol.catalogue, information, item_tags(dataset.items), item_segments(clicks), users)


def item_tags(items: EntityTable) -> csr_matrix:
    """Which slots an item has: its categories' and its bags', not its own id's."""
    slots = np.hstack([items.slots[:, 1:], *items.bags.values()])
    item, column = np.nonzero(slots)
    tags = csr_matrix((np.ones(len(item), np.float32), (item, slots[item, column])), shape=(len(items), int(slots.max(initial=0)) + 1))
    tags.data[:] = 1
    return tags
