"""A shop of a few users and items by hand, as a release bundle with random weights, and a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import Bundle, SeenItems
from homefeed.core.errors import StoreUnavailableError
from homefeed.core.release import Release
from homefeed.features.encoder import NumberScale, Vocabulary, encode
from homefeed.features.entities import EntityTable
from homefeed.features.history import GAP_BUCKETS
from homefeed.models.tower import item_vectors
from homefeed.models.weights import ModelWeights
from homefeed.store.base import ListRead

UIDS = ["", "ann", "bob", "a/b", "100%", "zoë", "18292817638588633000", "tagged", "plain"]
"""``tagged`` and ``plain`` have no list; ``plain`` has no known tag either."""
N_ITEMS = 300
MAX_EVENTS = 6
N_USER_FIELDS, N_ITEM_FIELDS, DIM, N_NUMBERS, N_TASTES = 4, 4, 4, 1, 3
N_FIELDS = N_USER_FIELDS + N_ITEM_FIELDS
UTAG1 = {"young": 400, "old": 401}
UTAG2 = {"north": 402, "south": 403}
LIKES = {"tea": 404, "milk": 405}
MAP_SIZE = 500
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SOLD_OUT = (3, 50, 120, 299)


def small_bundle(release_id: str = "r1", seed: int = 1, **changes: Any) -> Bundle:
    rng = np.random.default_rng(seed)
    users, items = _users(), _items(rng)
    counts = rng.integers(0, 9, MAP_SIZE + 1)
    vocabulary = Vocabulary.from_counts(counts, N_FIELDS, min_count=3)
    scale = NumberScale(np.zeros(N_NUMBERS, np.float32), np.ones(N_NUMBERS, np.float32))
    recall = _dssm(rng, vocabulary, scale)
    hot = rng.permutation(np.arange(1, N_ITEMS + 1)).astype(np.int32)
    bundle = Bundle(
        release=Release(release_id, "2026-11-24T10:00:00+00:00", "shop", "shop:500:abc", "2026-11-23T00:00:00+00:00", "exclude", {"users": len(UIDS) - 1}, {}),
        users=users,
        items=items,
        available=np.array([row not in SOLD_OUT for row in range(N_ITEMS + 1)]),
        hotness=rng.gamma(1, 1, N_ITEMS + 1).astype(np.float32),
        hot=hot,
        seen=SeenItems(np.array([0, 0, 5, 5, 5, 5, 5, 5, 9, 12]), np.concatenate([hot[:5], hot[:4], hot[:3]]).astype(np.int32)),
        recall=recall,
        item_vectors=item_vectors(recall, encode(items, vocabulary, scale, N_USER_FIELDS)),
        rank=_deepfm(rng, vocabulary, scale),
        tag_slots={"utag1": UTAG1, "utag2": UTAG2, "likes": {"tea|milk": 406}, "likes[]": LIKES},
        separators={"likes": ";"},
    )
    return replace(bundle, **changes)


def with_broken_ranker(bundle: Bundle) -> Bundle:
    assert bundle.rank is not None
    arrays = {name: array for name, array in bundle.rank.arrays.items() if name != "mlp.0.weight"}
    return replace(bundle, rank=replace(bundle.rank, arrays=arrays))


def iid(row: int) -> str:
    return f"item {row}"


@dataclass
class MemoryStore:
    """What a test wants the store to answer. ``down``: it does not. ``before_read`` runs at the start of each read of a list.

    ``others``: the other databases of the server. ``reads``: how often it was asked for a list.
    """

    release: Release | None
    lists: Mapping[int, list[str]] = field(default_factory=dict)
    sources: Mapping[int, bytes] = field(default_factory=dict)
    down: bool = False
    before_read: Callable[[], None] | None = None
    others: dict[int, MemoryStore] = field(default_factory=dict)
    reads: int = 0

    def read_list(self, user_slot: int, size: int, db: int | None = None) -> ListRead:
        self.reads += 1
        if self.before_read is not None:
            self.before_read()
        self._answer()
        if db is not None:
            return self.others.get(db, MemoryStore(None)).read_list(user_slot, size)
        ids = [i.encode() for i in self.lists.get(user_slot, [])[:size]]
        return ListRead(self.release.id if self.release else None, ids, self.sources.get(user_slot, b"0" * len(ids)))

    def read_release(self) -> Release | None:
        self._answer()
        return self.release

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailableError("the store does not answer")


def full_lists(bundle: Bundle, seed: int = 0, size: int = 100) -> dict[int, list[str]]:
    """A list for every user but ``tagged`` and ``plain``."""
    rng = np.random.default_rng(seed)
    return {int(bundle.users.slots[row, 0]): [iid(r) for r in rng.permutation(N_ITEMS)[:size] + 1] for row in range(1, len(UIDS) - 2)}


def _users() -> EntityTable:
    slots = np.zeros((len(UIDS), 3), np.int32)
    slots[1:, 0] = np.arange(1, len(UIDS))
    slots[1:-1, 1] = [400, 401, 400, 401, 400, 401, 400]
    slots[1:-1, 2] = [402, 403, 0, 402, 403, 402, 403]
    likes = np.zeros((len(UIDS), 2), np.int32)
    likes[1:3] = [[404, 405], [405, 0]]
    return EntityTable(UIDS, slots, {"likes": likes}, np.full((len(UIDS), N_NUMBERS), np.nan, np.float32))


def _items(rng: np.random.Generator) -> EntityTable:
    slots = np.zeros((N_ITEMS + 1, N_ITEM_FIELDS), np.int32)
    slots[1:, 0] = np.arange(11, 11 + N_ITEMS)
    slots[1:, 1:] = rng.integers(410, 440, (N_ITEMS, N_ITEM_FIELDS - 1))
    return EntityTable(["", *(iid(row) for row in range(1, N_ITEMS + 1))], slots, {}, rng.normal(size=(N_ITEMS + 1, N_NUMBERS)).astype(np.float32))


def _deepfm(rng: np.random.Generator, vocabulary: Vocabulary, scale: NumberScale) -> ModelWeights:
    n_dense = 4 * N_NUMBERS + 1
    arrays = {
        "embedding": _padded(_normal(rng, vocabulary.size, DIM)),
        "linear": _padded(_normal(rng, vocabulary.size)),
        "bias": _normal(rng, 1),
        "dense_linear": _normal(rng, n_dense),
        "mlp.0.weight": _normal(rng, 8, N_FIELDS * DIM + n_dense),
        "mlp.0.bias": _normal(rng, 8),
        "mlp.1.weight": _normal(rng, 1, 8),
        "mlp.1.bias": _normal(rng, 1),
        "factors.values": _padded(_normal(rng, vocabulary.size, 1 + N_TASTES)),
        "factors.numbers": _normal(rng, n_dense - 1, 1 + N_TASTES),
        "factors.bias": _normal(rng, 2),
    }
    config = {"hotness_mean": 0.5, "hotness_std": 1.0, "mix": {"deep": 0.6, "factors": 0.5, "intercept": -0.1}}
    return ModelWeights("deepfm", arrays, vocabulary, scale, scale, config)


def _dssm(rng: np.random.Generator, vocabulary: Vocabulary, scale: NumberScale) -> ModelWeights:
    shapes = {"embedding.weight": (vocabulary.size, DIM), "bias.weight": (vocabulary.size, 1), "item_numbers": (DIM, 2 * N_NUMBERS)}
    shapes |= {"user_token.weight": (DIM, N_USER_FIELDS * DIM + 2 * N_NUMBERS), "user_token.bias": (DIM,)}
    shapes |= {"encoder.clicked.weight": (2, DIM), "encoder.gap.weight": (GAP_BUCKETS, DIM), "encoder.place.weight": (1 + MAX_EVENTS, DIM)}
    norms = ["encoder.norm"]
    for layer in range(2):
        block = f"encoder.blocks.{layer}"
        norms += [f"{block}.norm_attention", f"{block}.norm_hidden"]
        shapes |= {f"{block}.query_key_value.weight": (3 * DIM, DIM), f"{block}.attended.weight": (DIM, DIM)}
        shapes |= {f"{block}.hidden.weight": (2 * DIM, DIM), f"{block}.hidden.bias": (2 * DIM,)}
        shapes |= {f"{block}.out.weight": (DIM, 2 * DIM), f"{block}.out.bias": (DIM,)}
    shapes |= {f"{norm}.{part}": (DIM,) for norm in norms for part in ("weight", "bias")}
    arrays = {name: _normal(rng, *shape) for name, shape in shapes.items()}
    for name in ("embedding.weight", "bias.weight"):
        _padded(arrays[name])
    config = {"n_fields": {"user": N_USER_FIELDS, "item": N_ITEM_FIELDS}, "heads": 2, "max_events": MAX_EVENTS, "blend": {"dssm": 1.0, "hot": 0.5}}
    return ModelWeights("dssm_pointwise", arrays, vocabulary, scale, scale, config)


def _normal(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    return rng.normal(0, 0.5, shape).astype(np.float32)


def _padded(table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    table[-1] = 0
    return table
