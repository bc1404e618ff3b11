"""A release without lists: the API finds everybody's candidates itself, and answers like before."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from small_release import SOLD_OUT, UIDS, MemoryStore, full_lists, iid, small_bundle

from homefeed.artifacts.bundle import Bundle, Lately
from homefeed.core.release import Release
from homefeed.core.slate import Request, Slate
from homefeed.features.encoder import encode
from homefeed.features.entities import EntityTable
from homefeed.models.tower import NOTHING_YET, user_vector
from homefeed.serving.guests import GuestReader, one_user
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease

GONE = {iid(row) for row in SOLD_OUT}
LATELY = Lately(np.array([0, 0, 2, *[5] * 7]), np.array([9, 17, 4, 8, 21], np.int32), np.array([1, 1, 0, 1, 1], np.bool_), np.arange(5, dtype=np.uint8))


def without_lists(**changes: object) -> Bundle:
    bundle = small_bundle(lately=LATELY, item_boost=np.random.default_rng(5).normal(0, 3, 301).astype(np.float32))
    return replace(bundle, release=replace(bundle.release, candidates="request"), **changes)


class Shop:
    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.release = bundle, ReleaseInMemory.of(bundle)
        self.store = MemoryStore(bundle.release)
        self.pipeline = standard_pipeline(self.store, OneRelease(self.release))

    def recall(self, uid: str, top_k: int = 500) -> Slate:
        return self.pipeline.recall(Request("q", uid, top_k))

    def recommend(self, uid: str, top_k: int = 100) -> Slate:
        return self.pipeline.recommend(Request("q", uid, top_k))

    def best(self, uid: str) -> list[str]:
        """By the formula: one dot product, and what the hot channels add."""
        recall, row = self.bundle.recall, UIDS.index(uid)
        assert recall is not None
        user = encode(one_user(self.bundle.users, row), recall.vocabulary, recall.user_scale, 0)
        vector = user_vector(recall, user, self.bundle.lately.of(row), self.bundle.item_vectors)
        order = np.argsort(-(self.bundle.item_vectors @ vector + self.bundle.item_boost), kind="stable")
        hidden = {0, *SOLD_OUT, *self.bundle.seen.of(row).tolist()}
        return [iid(int(item)) for item in order if item not in hidden]


def ids(slate: Slate) -> list[str]:
    return [item.item_id for item in slate.items]


@pytest.mark.parametrize("uid", UIDS[1:])
def test_every_known_user_gets_the_best_by_the_formula_without_what_is_sold_out_or_seen(uid: str) -> None:
    shop = Shop(without_lists())
    slate = shop.recall(uid)
    assert ids(slate) == shop.best(uid)
    assert {item.source for item in slate.items} == {"dssm"}
    assert (slate.degraded, slate.is_cold_start) == ((), False)
    ranked = shop.recommend(uid)
    assert set(ids(ranked)) == set(shop.best(uid)[:100])
    assert (ranked.degraded, ranked.is_cold_start, ranked.is_short) == ((), False, False)


def test_a_list_that_lies_in_the_store_all_the_same_is_not_read() -> None:
    shop = Shop(without_lists())
    shop.store.lists = full_lists(shop.bundle)
    assert ids(shop.recommend("bob", 10)) == ids(Shop(without_lists()).recommend("bob", 10))


def test_strangers_get_what_is_hot_and_are_cold() -> None:
    slate = Shop(without_lists()).recall("nobody")
    assert {item.source for item in slate.items} == {"hot"}
    assert slate.is_cold_start


def test_a_guest_by_tags_gets_the_blend_too() -> None:
    bundle = without_lists()
    tagged = Request("q", "guest", 50, 0, {"utag1": ("young",)})
    blended, plain = Shop(bundle), Shop(replace(bundle, item_boost=np.zeros(0, np.float32)))
    assert ids(blended.pipeline.recall(tagged)) != ids(plain.pipeline.recall(tagged))


def test_a_store_that_is_down_costs_nobody_the_personal_list() -> None:
    shop = Shop(without_lists())
    shop.store.down = True
    slate = shop.recommend("bob")
    assert (slate.degraded, {item.source for item in slate.items}) == (("redis",), {"dssm"})
    assert ids(slate) == ids(Shop(without_lists()).recommend("bob"))


def test_without_a_recall_model_what_is_hot_answers_and_says_so() -> None:
    slate = Shop(without_lists(recall=None, faults={"recall": "gone"})).recommend("bob")
    assert (slate.degraded, {item.source for item in slate.items}, len(slate.items)) == (("tags",), {"hot"}, 100)


@pytest.mark.parametrize("boost", [np.zeros(300, np.float32), np.full(301, np.nan, np.float32), np.zeros(301)])
def test_boosts_that_do_not_fit_cost_the_recall_model_alone(boost: np.ndarray) -> None:
    shop = Shop(without_lists(item_boost=boost))
    assert "item_boost" in shop.release.reasons()["tags"]
    assert shop.recommend("bob").degraded == ("tags",)


def test_a_record_of_old_means_lists_and_a_way_that_is_not_known_is_refused() -> None:
    record = json.loads(small_bundle().release.to_json())
    old = {name: value for name, value in record.items() if name != "candidates"}
    assert Release.from_json(json.dumps(old)).candidates == "lists"
    for unknown in ("oracle", "", 7, None, ["request"]):
        with pytest.raises(ValueError, match="candidates"):
            Release.from_json(json.dumps(record | {"candidates": unknown}))


NEWCOMERS = {"dssm": 0.2, "lately_hot": 1.0}
BOOSTS = np.random.default_rng(6).normal(0, 3, (2, 301)).astype(np.float32)


def with_config(bundle: Bundle, **config: object) -> Bundle:
    assert bundle.recall is not None
    return replace(bundle, recall=replace(bundle.recall, config={**bundle.recall.config, **config}))


def with_newcomers(**changes: object) -> Bundle:
    """The hot channels speak against each other: once for who is known, once for newcomers."""
    return with_config(without_lists(item_boost=BOOSTS, **changes), blend_newcomers=NEWCOMERS)


def newcomers_order(bundle: Bundle, tags: EntityTable) -> list[str]:
    assert bundle.recall is not None
    vector = user_vector(bundle.recall, encode(tags, bundle.recall.vocabulary, bundle.recall.user_scale, 0), NOTHING_YET, bundle.item_vectors)
    order = np.argsort(-(np.float32(0.2) * (bundle.item_vectors @ vector) + bundle.item_boost[1]), kind="stable")
    return [iid(int(item)) for item in order if item not in {0, *SOLD_OUT}]


def test_a_guest_by_tags_is_weighed_as_a_newcomer() -> None:
    bundle = with_newcomers()
    tagged = Request("q", "guest", 50, 0, {"utag1": ("young",)})
    tags = GuestReader(bundle).read({"utag1": ("young",)})
    assert tags is not None
    found = Shop(bundle).pipeline.recall(tagged)
    assert ids(found) == newcomers_order(bundle, tags)[:50]
    as_before = replace(without_lists(), item_boost=BOOSTS[0])
    assert ids(found) != ids(Shop(as_before).pipeline.recall(tagged))


def test_a_known_user_without_events_is_a_newcomer_and_one_with_events_is_not() -> None:
    bundle = with_newcomers()
    shop, as_before = Shop(bundle), Shop(without_lists(item_boost=BOOSTS[0]))
    for uid in UIDS[1:]:
        row, hidden = UIDS.index(uid), {iid(int(item)) for item in bundle.seen.of(UIDS.index(uid))}
        if len(bundle.lately.of(row).item):
            assert ids(shop.recall(uid)) == ids(as_before.recall(uid))
        else:
            assert ids(shop.recall(uid)) == [item for item in newcomers_order(bundle, one_user(bundle.users, row)) if item not in hidden]


def test_a_guest_who_has_clicked_is_no_newcomer_any_more() -> None:
    clicked = Request("q", "guest", 50, 0, {"utag1": ("young",)}, recent=(iid(7),))
    assert ids(Shop(with_newcomers()).pipeline.recall(clicked)) == ids(Shop(without_lists(item_boost=BOOSTS[0])).pipeline.recall(clicked))


@pytest.mark.parametrize("boost", [np.zeros(0, np.float32), BOOSTS[0], BOOSTS[:, :-1], np.full((2, 301), np.inf, np.float32)])
def test_two_blends_with_boosts_that_do_not_fit_cost_the_recall_model_alone(boost: np.ndarray) -> None:
    shop = Shop(replace(with_newcomers(), item_boost=boost))
    assert "item_boost" in shop.release.reasons()["tags"]
    assert shop.recommend("bob").degraded == ("tags",)


@pytest.mark.parametrize("name", ["blend", "blend_newcomers"])
@pytest.mark.parametrize("weights", [{}, None, [1.0], {"dssm": 0.0}, {"dssm": float("nan")}, {"horoscope": 1.0}], ids=str)
def test_a_damaged_blend_costs_the_recall_model_alone(name: str, weights: object) -> None:
    shop = Shop(with_config(with_newcomers(), **{name: weights}))
    assert "recall model of release r1 cannot be used" in shop.release.reasons()["tags"]
    slate = shop.recommend("bob")
    assert (slate.degraded, {item.source for item in slate.items}, len(slate.items)) == (("tags",), {"hot"}, 100)
