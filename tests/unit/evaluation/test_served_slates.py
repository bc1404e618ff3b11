"""Slates for measuring are those of the pipeline. The ranker here scores an item by its row alone, so that every slate is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from homefeed.artifacts.bundle import Bundle, SeenItems
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Silent
from homefeed.core.release import Release
from homefeed.evaluation.served import served_slates
from homefeed.features.encoder import NumberScale, Vocabulary
from homefeed.features.entities import EntityTable
from homefeed.models.factors import no_factors
from homefeed.models.weights import ModelWeights
from homefeed.store.base import UserList

N_USERS, N_ITEMS = 3, 20
MAP_SIZE = N_USERS + N_ITEMS
SOLD_OUT = 19
CONFIG = {"hotness_mean": 0.0, "hotness_std": 1.0, "mix": {"deep": 1.0, "factors": 0.0, "intercept": 0.0}}


def bundle() -> Bundle:
    nothing = NumberScale(np.zeros(0, np.float32), np.ones(0, np.float32))
    vocabulary = Vocabulary.from_counts(np.ones(MAP_SIZE + 1, np.int64), 2, 1)
    release = Release("r1", "2026-11-24T10:00:00+00:00", "shop", "shop:23:abc", "2026-11-23T00:00:00+00:00", "exclude", {}, {})
    rank = ModelWeights("deepfm", _arrays(vocabulary), vocabulary, nothing, nothing, CONFIG)
    available = np.arange(N_ITEMS + 1) != SOLD_OUT
    hotness, vectors = np.zeros(N_ITEMS + 1, np.float32), np.zeros((N_ITEMS + 1, 2), np.float32)
    hot = np.array([4, 9, 2], np.int32)
    seen = SeenItems(np.zeros(N_USERS + 2, np.int64), np.zeros(0, np.int32))
    return Bundle(release, _entities("u", N_USERS, 1), _entities("i", N_ITEMS, 1 + N_USERS), available, hotness, hot, seen, rank, vectors, rank, {})


def _arrays(vocabulary: Vocabulary) -> dict[str, npt.NDArray[np.float32]]:
    linear = np.zeros(vocabulary.size, np.float32)
    linear[vocabulary.row[1 + N_USERS :]] = np.arange(1, N_ITEMS + 1) / 10
    layers = {"mlp.0.weight": (2, 3), "mlp.0.bias": (2,), "mlp.1.weight": (1, 2), "mlp.1.bias": (1,), "bias": (1,), "dense_linear": (1,)}
    arrays = {"embedding": np.zeros((vocabulary.size, 1), np.float32), "linear": linear} | {n: np.zeros(s, np.float32) for n, s in layers.items()}
    return arrays | no_factors(vocabulary.size, 0).arrays()


def _entities(prefix: str, n: int, first_slot: int) -> EntityTable:
    slots = np.arange(first_slot - 1, first_slot + n, dtype=np.int32)[:, None]
    slots[0] = 0
    return EntityTable(["", *(f"{prefix}{row}" for row in range(1, n + 1))], slots, {}, np.zeros((n + 1, 0), np.float32))


LISTS = [UserList(1, ["i3", "i19", "i7", "i5"], b"0000"), UserList(3, ["i20", "i1"], b"01")]


def test_slates_are_the_lists_ranked_by_the_pipeline_without_sold_out_items_and_filled_up_behind() -> None:
    slates = served_slates(bundle(), LISTS, np.array([1, 3], np.int32), 5, Silent())
    assert slates.items.tolist() == [[7, 5, 3, 20, 18], [20, 1, 18, 17, 16]]


def test_a_slate_holds_its_first_k_and_follows_the_order_of_the_users_asked() -> None:
    slates = served_slates(bundle(), LISTS, np.array([3, 1], np.int32), 1, Silent())
    assert slates.items.tolist() == [[20], [7]]


def test_a_user_without_list_and_tags_is_served_what_is_hot() -> None:
    assert served_slates(bundle(), LISTS, np.array([2], np.int32), 3, Silent()).items.tolist() == [[9, 4, 2]]


def test_each_place_knows_the_source_of_its_item() -> None:
    slates = served_slates(bundle(), LISTS, np.array([3], np.int32), 3, Silent())
    named = [slates.sources[code] for code in slates.source[0]]
    assert dict(zip(slates.items[0].tolist(), named, strict=True)) == {20: "dssm", 1: "hot", 18: named[2]}


def test_a_degraded_slate_is_never_measured() -> None:
    broken = replace(bundle(), rank=replace(bundle().rank, arrays={}))
    with pytest.raises(ArtifactError, match="rank_service"):
        served_slates(broken, LISTS, np.array([1], np.int32), 3, Silent())
