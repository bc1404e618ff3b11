"""A fresh click counts at once: the recall model reads it behind what the log holds, and what was just clicked follows the shop's seen policy."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import numpy as np
import pytest
from small_release import SOLD_OUT, UIDS, MemoryStore, full_lists, iid, small_bundle

from homefeed.artifacts.bundle import Bundle, Lately
from homefeed.core.slate import Request, Slate
from homefeed.features.encoder import encode
from homefeed.models.tower import History, user_vector
from homefeed.serving.guests import one_user
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.recent import FRESH_GAP, MAX_RECENT
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease
from homefeed.serving.sources import BEFORE_LIST

BOB, GONE = 2, {iid(row) for row in SOLD_OUT}


def lately(**events: list[tuple[int, bool, int]]) -> Lately:
    """(item row, clicked, gap) of users by name."""
    of = [events.get(uid, []) for uid in UIDS]
    item, clicked, gap = np.array([event for one in of for event in one]).T
    return Lately(np.cumsum([0, *map(len, of)]).astype(np.int64), item.astype(np.int32), clicked.astype(np.bool_), gap.astype(np.uint8))


class Shop:
    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.release = bundle, ReleaseInMemory.of(bundle)
        self.store = MemoryStore(bundle.release, full_lists(bundle))
        self.pipeline = standard_pipeline(self.store, OneRelease(self.release))

    def recall(self, uid: str, *recent: str, top_k: int = 500, **tags: str) -> Slate:
        return self.pipeline.recall(self._request(uid, recent, top_k, tags))

    def recommend(self, uid: str, *recent: str, top_k: int = 100, **tags: str) -> Slate:
        return self.pipeline.recommend(self._request(uid, recent, top_k, tags))

    def nearest(self, history: list[tuple[int, bool, int]], user_row: int = 0) -> list[str]:
        """All that is on sale, by the formula: items' vectors against the vector of this user after these events."""
        recall, bundle = self.bundle.recall, self.bundle
        assert recall is not None
        items, clicked, gaps = (np.array(column) for column in zip(*history, strict=True))
        user = encode(one_user(bundle.users, user_row), recall.vocabulary, recall.user_scale, 0)
        scores = bundle.item_vectors @ user_vector(recall, user, History(items, clicked, gaps), bundle.item_vectors)
        return [iid(int(row)) for row in np.argsort(-scores, kind="stable") if row and row not in SOLD_OUT]

    def _request(self, uid: str, recent: tuple[str, ...], top_k: int, tags: dict[str, str]) -> Request:
        return Request("q", uid, top_k, 0, {name: (text,) for name, text in tags.items()}, recent)


@pytest.fixture
def shop() -> Shop:
    return Shop(small_bundle(lately=lately(bob=[(9, True, 4), (17, False, 6)])))


def ids(slate: Slate) -> list[str]:
    return [item.item_id for item in slate.items]


def fresh(*rows: int) -> list[tuple[int, bool, int]]:
    return [(row, True, FRESH_GAP) for row in rows]


def test_a_guest_with_two_clicks_gets_what_is_nearest_to_them(shop: Shop) -> None:
    slate = shop.recall("guest", "item 5", "item 8")
    assert ids(slate) == [i for i in shop.nearest(fresh(5, 8)) if i not in ("item 5", "item 8")]
    assert {item.source for item in slate.items} == {"dssm"}
    assert (slate.is_cold_start, slate.degraded) == (True, ())


def test_a_guests_tags_and_clicks_count_together(shop: Shop) -> None:
    both = ids(shop.recall("guest", "item 5", utag1="young"))
    assert both != ids(shop.recall("guest", "item 5"))
    assert both != ids(shop.recall("guest", utag1="young"))


def test_the_order_of_clicks_counts(shop: Shop) -> None:
    assert ids(shop.recall("guest", "item 5,item 8")) != ids(shop.recall("guest", "item 8,item 5"))


def test_a_known_user_is_read_with_the_log_and_the_fresh_clicks_and_the_list_follows(shop: Shop) -> None:
    slate = shop.recall("bob", "item 5")
    found = [i for i in shop.nearest([(9, True, 4), (17, False, 6), *fresh(5)], BOB) if i != "item 5"][:BEFORE_LIST]
    listed = [i for i in shop.store.lists[BOB] if i not in {*found, *GONE, "item 5"}]
    assert ids(slate) == found + listed
    assert not slate.is_cold_start
    assert [item.source for item in slate.items[:BEFORE_LIST]] == ["dssm"] * BEFORE_LIST


def test_what_is_found_and_what_is_listed_are_ranked_together(shop: Shop) -> None:
    slate = shop.recommend("bob", "item 5")
    assert set(ids(slate)) == set(ids(shop.recall("bob", "item 5"))[:100])
    assert [item.score for item in slate.items] == sorted((item.score for item in slate.items), reverse=True)


def test_a_known_user_of_a_bundle_without_histories_is_read_by_the_fresh_clicks_alone() -> None:
    shop = Shop(small_bundle())
    assert ids(shop.recall("bob", "item 5"))[:BEFORE_LIST] == [i for i in shop.nearest(fresh(5), BOB) if i != "item 5"][:BEFORE_LIST]


@pytest.mark.parametrize("texts", [("item 5", "item 8"), ("item 5,item 8",), ("no such,item 5", "", ",", "item 8,\u0000"), ("item 5,,item 8",)])
def test_ids_may_be_repeated_or_joined_and_unknown_ones_are_ignored(shop: Shop, texts: tuple[str, ...]) -> None:
    assert shop.recall("guest", *texts) == shop.recall("guest", "item 5", "item 8")


@pytest.mark.parametrize("texts", [(), ("",), ("no such",), (",,,",), ("\ud800",)])
def test_nothing_known_is_as_if_nothing_were_sent(shop: Shop, texts: tuple[str, ...]) -> None:
    for uid in ("bob", "nobody", "tagged"):
        assert shop.recommend(uid, *texts) == shop.recommend(uid)


def test_the_latest_fifty_count(shop: Shop) -> None:
    many = [iid(row) for row in range(1, 80)]
    assert shop.recall("guest", ",".join(many)) == shop.recall("guest", *many[-MAX_RECENT:])
    assert not set(many[-MAX_RECENT:]) & set(ids(shop.recall("guest", ",".join(many))))


def test_an_id_may_hold_a_comma() -> None:
    bundle = small_bundle()
    names = list(bundle.items.ids)
    names[5] = "a,b"
    shop = Shop(replace(bundle, items=replace(bundle.items, ids=names)))
    assert ids(shop.recall("guest", "a,b")) == [i for i in shop.nearest(fresh(5)) if i != iid(5)]


@pytest.mark.parametrize("uid", ["bob", "tagged", "nobody"])
@pytest.mark.parametrize("rung", ["whole", "store down", "no recall model", "unforeseen"])
def test_what_was_just_clicked_is_on_no_rung_shown_again_where_the_shop_excludes_it(uid: str, rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise ZeroDivisionError

    shop = Shop(small_bundle(recall=None, faults={"recall": "gone"}) if rung == "no recall model" else small_bundle())
    shop.store.down = rung == "store down"
    if rung == "unforeseen":
        monkeypatch.setattr(type(shop.pipeline.supplies.turns[0].source), "fetch", fail)
    clicked = [*shop.store.lists[BOB][:3], iid(int(shop.bundle.hot[7]))]
    assert set(clicked) & set(ids(shop.recall(uid)) + ids(shop.recommend(uid)))
    for slate in (shop.recall(uid, *clicked), shop.recommend(uid, *clicked)):
        assert len(slate.items) >= 90
        assert not set(clicked) & set(ids(slate))


def test_a_shop_that_shows_things_again_shows_what_was_just_clicked() -> None:
    bundle = small_bundle()
    keeps = Shop(replace(bundle, release=replace(bundle.release, seen_policy="keep")))
    assert ids(keeps.recall("guest", "item 5")) == keeps.nearest(fresh(5))
    assert "item 5" in ids(keeps.recall("guest", "item 5"))


def test_without_a_recall_model_the_list_answers_and_says_so() -> None:
    shop = Shop(small_bundle(recall=None, faults={"recall": "gone"}))
    slate = shop.recall("bob", "item 5")
    assert ids(slate) == [i for i in shop.store.lists[BOB] if i not in {*GONE, "item 5"}]
    assert slate.degraded == ("tags",)
    assert shop.recall("guest", "item 5", utag1="young").degraded == ("tags",)
    assert shop.recall("bob", "no such item").degraded == ()


BROKEN = {
    "an item beyond the table": lately(bob=[(10**6, True, 1)]),
    "a gap that is no bucket": lately(bob=[(5, True, 99)]),
    "ends elsewhere": replace(lately(bob=[(5, True, 1)]), offsets=np.arange(len(UIDS) + 1)),
    "goes back": replace(lately(bob=[(5, True, 1)]), offsets=np.array([0, 1, 0, 1, 1, 1, 1, 1, 1, 1])),
    "too few users": replace(lately(bob=[(5, True, 1)]), offsets=np.array([0, 1])),
    "too few flags": replace(lately(bob=[(5, True, 1)]), clicked=np.zeros(0, np.bool_)),
    "another kind": replace(lately(bob=[(5, True, 1)]), gap=np.ones(1, np.int64)),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_histories_that_do_not_fit_cost_the_recall_model_alone(broken: str) -> None:
    shop = Shop(small_bundle(lately=BROKEN[broken]))
    assert shop.recommend("guest", utag1="young").degraded == ("tags",)
    assert shop.recommend("bob").degraded == ()
    assert "lately" in shop.release.reasons()["tags"]
