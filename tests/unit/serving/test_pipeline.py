"""Who gets which slate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_release import N_ITEMS, SOLD_OUT, UIDS, MemoryStore, full_lists, iid, small_bundle, with_broken_ranker

from homefeed.artifacts.bundle import Bundle, SeenItems
from homefeed.core.errors import ArtifactError
from homefeed.core.slate import Request, Slate
from homefeed.features.encoder import encode
from homefeed.models.tower import NOTHING_YET, user_vector
from homefeed.serving.pipeline import RecommendPipeline, standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease

GONE = {iid(row) for row in SOLD_OUT}


class Shop:
    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.release = ReleaseInMemory.of(bundle)
        self.store = MemoryStore(bundle.release, full_lists(bundle))
        self.pipeline: RecommendPipeline = standard_pipeline(self.store, OneRelease(self.release))

    def recommend(self, uid: str, top_k: int = 10, offset: int = 0, **tags: str) -> Slate:
        return self.pipeline.recommend(Request("q", uid, top_k, offset, {name: (text,) for name, text in tags.items()}))

    def recall(self, uid: str, top_k: int = 50, offset: int = 0, **tags: str) -> Slate:
        return self.pipeline.recall(Request("q", uid, top_k, offset, {name: (text,) for name, text in tags.items()}))

    def hot(self, without: set[str] = GONE) -> list[str]:
        return [i for i in map(iid, self.bundle.hot.tolist()) if i not in without]


@pytest.fixture
def shop() -> Shop:
    return Shop(small_bundle())


def ids(slate: Slate) -> list[str]:
    return [item.item_id for item in slate.items]


def test_a_known_user_gets_the_exported_list_in_recall_order(shop: Shop) -> None:
    slate = shop.recall("bob", top_k=500)
    assert ids(slate) == [i for i in shop.store.lists[2] if i not in GONE]
    assert (slate.stage, slate.is_cold_start, slate.release, slate.degraded) == ("recall", False, "r1", ())


def test_the_user_of_slot_1_is_a_user_like_any_other(shop: Shop) -> None:
    slate = shop.recommend("ann")
    assert not slate.is_cold_start
    assert set(ids(slate)) <= set(shop.store.lists[1])


def test_a_slate_is_the_list_in_order_of_click_probability(shop: Shop) -> None:
    listed = [i for i in shop.store.lists[2] if i not in GONE]
    slate = shop.recommend("bob", top_k=len(listed))
    assert set(ids(slate)) == set(listed)
    rows = shop.release.ranker.item_rows([i.encode() for i in ids(slate)])
    np.testing.assert_allclose([item.score for item in slate.items], shop.release.ranker.score(rows, 2), rtol=1e-6)
    assert [item.score for item in slate.items] == sorted((item.score for item in slate.items), reverse=True)
    assert [item.position for item in slate.items] == list(range(1, len(slate.items) + 1))


def test_pages_go_on_without_repeats_until_the_candidates_end(shop: Shop) -> None:
    for ask in (shop.recommend, shop.recall):
        whole = ids(ask("bob", top_k=100))
        pages = [ask("bob", top_k=30, offset=offset) for offset in (0, 30, 60, 90, 120)]
        assert [i for page in pages for i in ids(page)] == whole
        assert [item.position for page in pages for item in page.items] == list(range(1, len(whole) + 1))


def test_an_item_carries_the_source_it_had_in_the_export(shop: Shop) -> None:
    shop.store.lists = {2: [iid(1), iid(2), iid(4)]}
    shop.store.sources = {2: b"01\xff"}
    assert [(item.item_id, item.source) for item in shop.recall("bob").items] == [(iid(1), "dssm"), (iid(2), "hot"), (iid(4), "dssm")]


def test_repeated_and_unknown_items_of_a_list_are_dropped(shop: Shop) -> None:
    shop.store.lists = {2: [iid(7), "no such item", iid(9), iid(7), ""]}
    assert ids(shop.recall("bob")) == [iid(7), iid(9)]


def test_a_stranger_gets_the_hot_list_and_is_cold(shop: Shop) -> None:
    slate = shop.recall("nobody", top_k=500)
    assert ids(slate) == shop.hot()
    assert slate.is_cold_start
    assert {item.source for item in slate.items} == {"hot"}
    ranked = shop.recommend("nobody", top_k=100)
    assert set(ids(ranked)) == set(shop.hot()[:100])
    rows = shop.release.ranker.item_rows([i.encode() for i in ids(ranked)])
    np.testing.assert_allclose([item.score for item in ranked.items], shop.release.ranker.score(rows, 0), rtol=1e-6)


def test_the_empty_id_of_the_unknown_row_belongs_to_nobody(shop: Shop) -> None:
    assert shop.release.ranker.user_row("") == 0
    assert shop.release.ranker.item_rows([b""]).tolist() == [0]


def test_a_guest_gets_a_list_by_tags_and_stays_cold(shop: Shop) -> None:
    young, old = shop.recall("guest", utag1="young"), shop.recall("guest", utag1="old", likes="tea|milk")
    assert {item.source for item in young.items} == {"tags"}
    assert ids(young) != ids(old)
    assert young.is_cold_start
    ranked = shop.recommend("guest", top_k=100, utag1="young")
    rows = shop.release.ranker.item_rows([i.encode() for i in ids(ranked)])
    expected = shop.release.ranker.score(rows, guest=shop.release.guests.read({"utag1": ("young",)}))
    np.testing.assert_allclose([item.score for item in ranked.items], expected, rtol=1e-6)
    assert not np.allclose(expected, shop.release.ranker.score(rows))


def test_a_guest_gets_the_same_items_as_the_towers_dot_product(shop: Shop) -> None:
    table = shop.release.guests.read({"utag1": ("young",), "likes": ("milk",)})
    assert table is not None
    vector = user_vector(
        shop.bundle.recall, encode(table, shop.bundle.recall.vocabulary, shop.bundle.recall.user_scale, 0), NOTHING_YET, shop.bundle.item_vectors
    )
    scores = shop.bundle.item_vectors[1:] @ vector
    best = [iid(int(row) + 1) for row in np.argsort(-scores, kind="stable")]
    assert ids(shop.recall("guest", utag1="young", likes="milk")) == [i for i in best if i not in GONE][:50]


@pytest.mark.parametrize("texts", [("tea", "milk"), ("tea|milk",), ("tea;milk",), (" tea ; milk ", "tea"), ("tea;coffee|milk",)])
def test_several_values_of_a_tag_may_be_repeated_or_joined(shop: Shop, texts: tuple[str, ...]) -> None:
    table = shop.release.guests.read({"likes": texts})
    assert table is not None
    assert table.bags["likes"].tolist() == [[404, 405]]


def test_a_value_may_hold_the_bar_where_the_shops_file_is_separated_otherwise() -> None:
    shop = Shop(small_bundle(tag_slots={"utag1": {}, "utag2": {}, "likes": {}, "likes[]": {"tea|milk": 404, "milk": 405}}))
    table = shop.release.guests.read({"likes": ("tea|milk;milk",)})
    assert table is not None
    assert table.bags["likes"].tolist() == [[404, 405]]


def test_the_last_of_a_categorys_values_counts(shop: Shop) -> None:
    table = shop.release.guests.read({"utag1": ("young", "old"), "utag2": ("north", "nowhere")})
    assert table is not None
    assert table.slots.tolist() == [[0, 401, 0]]


def test_tags_that_the_shop_does_not_know_make_no_difference(shop: Shop) -> None:
    assert shop.recommend("guest", utag1="green") == shop.recommend("guest")


def test_tags_of_a_request_do_not_change_a_known_users_slate(shop: Shop) -> None:
    assert shop.recommend("bob", utag1="young") == shop.recommend("bob")


def test_a_known_user_whose_list_is_gone_is_cold_and_served_what_is_hot(shop: Shop) -> None:
    for uid, row in (("tagged", 7), ("plain", 8)):
        slate = shop.recall(uid)
        assert (slate.is_cold_start, slate.degraded) == (True, ("list",))
        assert ids(slate) == shop.hot(GONE | {iid(r) for r in shop.bundle.seen.of(row).tolist()})[:50]


def test_clicked_items_stay_away_from_every_path_that_is_not_the_exported_list(shop: Shop) -> None:
    for uid, row in (("tagged", 7), ("plain", 8)):
        seen = {iid(r) for r in shop.bundle.seen.of(row).tolist()}
        assert seen
        assert not seen & set(ids(shop.recall(uid, top_k=500)))
    shop.store.down = True
    assert not {iid(r) for r in shop.bundle.seen.of(1).tolist()} & set(ids(shop.recall("ann", top_k=500)))


def test_a_user_who_has_clicked_everything_on_offer_gets_it_again() -> None:
    everything = np.tile(np.arange(1, N_ITEMS + 1, dtype=np.int32), len(UIDS) - 1)
    shop = Shop(small_bundle(seen=SeenItems(np.arange(-1, len(UIDS)).clip(0) * N_ITEMS, everything)))
    assert ids(shop.recall("plain", top_k=500)) == shop.hot()
    assert len(shop.recommend("plain").items) == 10
    shop.store.down = True
    assert len(shop.recommend("bob").items) == 10


def test_a_store_that_is_down_means_the_hot_list_of_the_bundle(shop: Shop) -> None:
    shop.store.down = True
    slate = shop.recommend("bob")
    assert set(ids(slate)) <= set(shop.hot())
    assert (slate.is_cold_start, slate.degraded) == (False, ("redis",))


def test_a_store_that_lost_its_release_means_the_hot_list_of_the_bundle(shop: Shop) -> None:
    shop.store.release = None
    slate = shop.recall("bob")
    assert ids(slate) == shop.hot()[:50]
    assert (slate.is_cold_start, slate.degraded) == (False, ("release",))


def test_without_a_ranker_recall_order_stands_in() -> None:
    shop = Shop(with_broken_ranker(small_bundle()))
    assert shop.release.ranker.failure
    slate = shop.recommend("bob")
    assert ids(slate) == ids(shop.recall("bob", top_k=10))
    assert slate.degraded == ("rank_service",)
    assert shop.recall("bob").degraded == ()


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("uid", ["ann", "tagged", "plain", "nobody", "guest"])
def test_a_sold_out_item_never_shows(shop: Shop, uid: str, down: bool) -> None:
    shop.store.lists = {slot: [iid(row) for row in range(1, N_ITEMS + 1)] for slot in shop.store.lists}
    shop.store.down = down
    tag = "young" if uid == "guest" else "nobody's"
    shown = ids(shop.recall(uid, top_k=500, utag1=tag)) + ids(shop.recommend(uid, top_k=100, utag1=tag))
    assert len(shown) > 300
    assert not GONE & set(shown)


def test_a_list_that_is_sold_out_altogether_gives_way_to_the_next_source(shop: Shop) -> None:
    shop.store.lists = {2: sorted(GONE)}
    assert [item.source for item in shop.recall("bob").items] == ["tags"] * 50
    assert len(shop.recommend("bob").items) == 10


def test_a_short_list_is_filled_up_by_the_users_tags_and_stays_short_in_recall(shop: Shop) -> None:
    shop.store.lists = {2: [iid(1), iid(2), iid(3)]}
    assert ids(shop.recall("bob")) == [iid(1), iid(2)]
    pages = [shop.recommend("bob", top_k=30, offset=offset) for offset in (0, 30, 60, 90)]
    whole = shop.recommend("bob", top_k=100)
    assert [i for page in pages for i in ids(page)] == ids(whole)
    assert len(set(ids(whole))) == 100
    assert set(ids(whole)[:2]) == {iid(1), iid(2)}
    assert [item.source for item in whole.items] == ["dssm"] * 2 + ["tags"] * 98
    for part in (whole.items[:2], whole.items[2:]):
        assert [item.score for item in part] == sorted((item.score for item in part), reverse=True)
    assert not (GONE | {iid(r) for r in shop.bundle.seen.of(2).tolist()}) & set(ids(whole))
    assert not any(page.is_short for page in (*pages, whole))


def test_without_a_ranker_what_fills_up_stands_behind_the_list() -> None:
    shop = Shop(with_broken_ranker(small_bundle()))
    shop.store.lists = {2: [iid(1), iid(2), iid(3)]}
    assert [item.source for item in shop.recommend("bob", top_k=5).items] == ["dssm", "dssm", "tags", "tags", "tags"]


def test_a_short_hot_list_is_filled_up_with_all_that_is_on_sale(shop: Shop) -> None:
    bundle = small_bundle(hot=np.array([5, 6], np.int32))
    shop = Shop(bundle)
    assert ids(shop.recall("nobody")) == [iid(5), iid(6)]
    slate = shop.recommend("nobody", top_k=100)
    assert (len(set(ids(slate))), slate.is_short) == (100, False)
    hottest = [iid(int(row)) for row in np.argsort(-bundle.hotness, kind="stable") if row not in (0, 5, 6, *SOLD_OUT)]
    assert (set(ids(slate)[:2]), set(ids(slate)[2:])) == ({iid(5), iid(6)}, set(hottest[:98]))


def test_a_slate_is_short_only_where_the_shop_has_more_than_the_visitor_gets() -> None:
    few = np.arange(N_ITEMS + 1) < 8
    shop = Shop(small_bundle(available=few, hot=np.arange(1, 8, dtype=np.int32)))
    shop.store.lists = {2: [iid(row) for row in range(1, 8)]}
    assert [len(shop.recommend("bob", offset=offset).items) for offset in (0, 5, 7)] == [7, 2, 0]
    assert not any(shop.recommend("bob", offset=offset).is_short for offset in (0, 5, 7, 200))
    shop.store.lists, shop.bundle.seen.items[5:9] = {}, [1, 2, 3, 4]
    slate = shop.recommend("tagged", top_k=5)
    assert (set(ids(slate)), slate.is_short) == ({iid(5), iid(6), iid(7)}, True)


def test_tags_that_do_not_fit_the_user_table_are_refused() -> None:
    with pytest.raises(ArtifactError, match="tags of release r1 do not fit"):
        ReleaseInMemory.of(replace(small_bundle(), tag_slots={"utag1": {}}))
