"""The blend over a large catalogue: each channel names its best for a user, and only those are scored. Nothing is as large as users times items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.core.candidates import Rows
from homefeed.models.channels.blend import SOURCE_OF, Blend, Mask, Seen, loudest
from homefeed.models.channels.item_to_item import Matrix
from homefeed.models.channels.names import DSSM
from homefeed.models.channels.scores import Channels, Floats
from homefeed.models.index import ItemSearch

BLOCK_USERS = 64
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Union:
    """``best`` is that of ``Blend.best``, among the items that stand first with any channel.

    ``search``: over the channels' items. ``forbidden``: bool[N], items for nobody; ``seen``: (offsets i64[U + 1], item rows) to leave out, user by user.
    ``hottest``: i64[2, A], allowed items by what is the same for everybody, as known users weigh it and as newcomers do.
    ``average``: f32[d + 1], the items' mean vector.
    """

    blend: Blend
    channels: Channels
    search: ItemSearch
    forbidden: Mask
    seen: Seen
    hottest: npt.NDArray[np.int64]
    average: Floats

    @classmethod
    def of(cls, blend: Blend, channels: Channels, search: ItemSearch, forbidden: Mask, seen: Seen) -> Union:
        both, allowed = np.array([False, True]), np.flatnonzero(~forbidden)
        hot = np.zeros((2, len(forbidden)), np.float32)
        for name, said in channels.for_all.items():
            hot += blend.weight(name, both)[:, None] * said
        hottest = allowed[np.argsort(-hot[:, allowed], axis=1, kind="stable")]
        return cls(blend, channels, search, forbidden, seen, hottest, channels.items.numpy().mean(0))

    def best(self, part: slice, size: int) -> tuple[Rows, npt.NDArray[np.uint8]]:
        """int32 items and uint8 codes of ``SOURCES`` [users of the part, size]: each user's best and the source that speaks loudest for it, 0-padded."""
        offsets = self.seen[0][part.start : part.stop + 1]
        user = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        seen = user * self.n_items + self.seen[1][offsets[0] : offsets[-1]]
        of_few = (*self.channels.by_user, *self.channels.through_items)
        sparse_ones = {name: self.channels.told(name, part) for name in of_few if self._weight(name, part).any()}
        named = size + int(np.diff(offsets).max(initial=0))
        keys = np.unique(np.concatenate(list(self._named(part, sparse_ones, named))))
        keys = keys[~self.forbidden[keys % self.n_items] & ~np.isin(keys, seen)]
        return self._ordered(keys, self._by_source(keys, part, sparse_ones), len(offsets) - 1, size)

    @property
    def n_items(self) -> int:
        return len(self.channels.items)

    def _weight(self, name: str, part: slice) -> Floats:
        """f32[users of the part]."""
        return self.blend.weight(name, self.channels.newcomers(part))

    def _named(self, part: slice, sparse_ones: dict[str, Matrix], named: int) -> Iterator[Keys]:
        """By channel the keys (user x N + item) of each user's first ``named``."""
        users = np.arange(part.stop - part.start, dtype=np.int64)[:, None] * self.n_items
        near = self.search.find(self.channels.users[part].numpy(), min(named, self.n_items))
        yield (users + near.astype(np.int64)).ravel()
        yield (users + self.hottest[:, :named][self.channels.newcomers(part).astype(np.int64)]).ravel()
        for name, said in sparse_ones.items():
            if (self._weight(name, part) > 0).any():
                yield _first(said, named)

    def _by_source(self, keys: Keys, part: slice, sparse_ones: dict[str, Matrix]) -> dict[int, Floats]:
        """By code of ``SOURCES`` f32[keys]: what the channels behind it add, beyond an average item's."""
        said: dict[int, Floats] = {}
        for name in self.channels.names:
            weight = self._weight(name, part)
            if weight.any():
                share = weight[keys // self.n_items] * self._centred(name, keys, part, sparse_ones)
                said[SOURCE_OF[name]] = said.get(SOURCE_OF[name], np.float32(0)) + share
        return said

    def _centred(self, name: str, keys: Keys, part: slice, sparse_ones: dict[str, Matrix]) -> Floats:
        user, item = np.divmod(keys, self.n_items)
        if name == DSSM:
            users, items = self.channels.users[part].numpy(), self.channels.items.numpy()
            scores: Floats = np.einsum("pv,pv->p", users[user], items[item] - self.average)
            return scores
        if name in self.channels.for_all:
            said = self.channels.for_all[name]
            beyond: Floats = said[item] - said.mean()
            return beyond
        matrix = sparse_ones[name]
        mean = np.asarray(matrix.sum(1)).ravel() / self.n_items
        own: Floats = _at(matrix, keys) - mean.astype(np.float32)[user]
        return own

    def _ordered(self, keys: Keys, said: dict[int, Floats], n_users: int, size: int) -> tuple[Rows, npt.NDArray[np.uint8]]:
        user, item = np.divmod(keys, self.n_items)
        order = np.lexsort((-np.sum(list(said.values()), axis=0), user))
        place = np.arange(len(order)) - np.searchsorted(user, np.arange(n_users))[user]
        kept = order[place < size]
        items, sources = np.zeros((n_users, size), np.int32), np.zeros((n_users, size), np.uint8)
        at = (user[kept], place[place < size])
        items[at], sources[at] = item[kept], loudest(said, [share[kept] for share in said.values()])
        return items, sources


def user_blocks(n_users: int) -> Iterator[slice]:
    """Users at a time."""
    return (slice(start, min(start + BLOCK_USERS, n_users)) for start in range(0, n_users, BLOCK_USERS))


def _first(said: Matrix, named: int) -> Keys:
    """Keys of each row's ``named`` largest."""
    row = np.repeat(np.arange(said.shape[0], dtype=np.int64), np.diff(said.indptr))
    order = np.lexsort((-said.data, row))
    place = np.arange(len(order)) - said.indptr[row]
    kept = order[place < named]
    keys: Keys = row[kept] * said.shape[1] + said.indices[kept]
    return keys


def _at(matrix: Matrix, keys: Keys) -> Floats:
    """f32[keys]: the matrix at these ascending keys, 0 where it has nothing."""
    matrix.sort_indices()
    held = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr)) * matrix.shape[1] + matrix.indices
    found: Floats = np.zeros(len(keys), np.float32)
    if len(held):
        place = np.minimum(np.searchsorted(held, keys), len(held) - 1)
        hit = held[place] == keys
        found[hit] = matrix.data[place[hit]]
    return found
