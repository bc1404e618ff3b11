"""Fresh items at request time: whoever has no list with a draw gets one, the same each time; a fresh item is judged at the first page's end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_release import SOLD_OUT, UIDS, MemoryStore, full_lists, iid, small_bundle

from homefeed.artifacts.bundle import Bundle
from homefeed.core.candidates import FRESH
from homefeed.core.slate import Request, Slate
from homefeed.models.slate_value import SlateValue
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease

QUOTA = 4
FRESH_ROWS = np.array([3, *range(20, 60), 299], np.int32)
"""Two of them are sold out."""
VISITORS = ("bob", "zoë", "nobody", "stranger", "tagged")


def bundle_with(candidates: str = "request", release_id: str = "r1", **changes: object) -> Bundle:
    bundle = small_bundle(**{"fresh": FRESH_ROWS, "fresh_per_list": QUOTA} | changes)
    return replace(bundle, release=replace(bundle.release, id=release_id, candidates=candidates))


class Shop:
    def __init__(self, bundle: Bundle, *, lists: bool = False) -> None:
        self.bundle, self.release = bundle, ReleaseInMemory.of(bundle)
        self.store = MemoryStore(bundle.release, full_lists(bundle) if lists else {})
        self.pipeline = standard_pipeline(self.store, OneRelease(self.release))

    def recall(self, uid: str, *recent: str, top_k: int = 500, **tags: str) -> Slate:
        return self.pipeline.recall(Request("q", uid, top_k, 0, {name: (text,) for name, text in tags.items()}, recent))

    def recommend(self, uid: str, *recent: str, top_k: int = 100) -> Slate:
        return self.pipeline.recommend(Request("q", uid, top_k, 0, {}, recent))


def fresh_in(slate: Slate) -> list[str]:
    return [item.item_id for item in slate.items if item.source == "fresh"]


@pytest.mark.parametrize("uid", VISITORS)
def test_everybody_without_a_list_gets_the_quota_in_the_second_half_of_what_is_ranked(uid: str) -> None:
    shop = Shop(bundle_with())
    plain, slate = Shop(bundle_with(fresh_per_list=0)).recall(uid), shop.recall(uid)
    assert [item.position for item in slate.items if item.source == "fresh"] == [62, 75, 87, 100]
    rows = [int(item.split()[1]) for item in fresh_in(slate)]
    hidden = {*SOLD_OUT, *shop.bundle.seen.of(shop.release.ranker.user_row(uid)).tolist()}
    assert set(rows) <= set(FRESH_ROWS.tolist()) - hidden
    assert not {item.item_id for item in plain.items[: 100 - QUOTA]} & set(fresh_in(slate))
    others = [item.item_id for item in slate.items if item.source != "fresh"]
    assert others == [item.item_id for item in plain.items if item.item_id not in fresh_in(slate)], "nothing else has moved"
    assert set(fresh_in(shop.recommend(uid))) == set(fresh_in(slate))


@pytest.mark.parametrize("uid", VISITORS)
def test_the_same_visitor_and_release_have_the_same_slate_and_another_release_another_draw(uid: str) -> None:
    first, second, later = Shop(bundle_with()), Shop(bundle_with()), Shop(bundle_with(release_id="r2"))
    slates = [shop.recommend(uid).items for shop in (first, first, second)]
    assert slates[0] == slates[1] == slates[2]
    assert set(fresh_in(later.recall(uid))) != set(fresh_in(first.recall(uid)))


def test_visitors_have_draws_of_their_own_and_together_they_see_most_of_it() -> None:
    shop = Shop(bundle_with())
    drawn = [frozenset(fresh_in(shop.recall(f"guest {number}"))) for number in range(100)]
    assert len(set(drawn)) > 70
    assert len(frozenset.union(*drawn)) > 20


def test_a_guests_tags_and_fresh_clicks_weigh_in_the_draw() -> None:
    shop = Shop(bundle_with())
    plain, tagged = shop.recall("guest"), shop.recall("guest", utag1="young")
    assert len(fresh_in(tagged)) == QUOTA
    assert {item.source for item in tagged.items} == {"tags", "fresh"}
    assert fresh_in(shop.recall("guest", utag1="young")) == fresh_in(tagged)
    assert fresh_in(plain) != fresh_in(tagged)
    clicked = fresh_in(plain)[0]
    after = shop.recall("guest", clicked)
    assert clicked not in [item.item_id for item in after.items], "what was just clicked is not drawn again"
    assert len(fresh_in(after)) == QUOTA


def test_a_list_has_had_its_draw_at_export() -> None:
    shop, plain = Shop(bundle_with("lists"), lists=True), Shop(bundle_with("lists", fresh_per_list=0), lists=True)
    assert shop.recommend("bob").items == plain.recommend("bob").items
    with_clicks = shop.recommend("bob", iid(7))
    assert len(fresh_in(with_clicks)) == QUOTA, "fresh clicks push the list's own out of what is ranked"
    shop.store.down = True
    assert len(fresh_in(shop.recommend("bob"))) == QUOTA


@pytest.mark.parametrize(
    "changes",
    [{"fresh_per_list": 0}, {"fresh": np.zeros(0, np.int32)}, {"fresh": np.array(SOLD_OUT, np.int32)}, {"recall": None, "faults": {"recall": "gone"}}],
)
def test_where_nothing_can_be_drawn_slates_are_as_before(changes: dict[str, object]) -> None:
    plain = {name: value for name, value in changes.items() if name in ("recall", "faults")}
    for uid in VISITORS:
        assert Shop(bundle_with(**changes)).recommend(uid).items == Shop(bundle_with(**plain, fresh=FRESH_ROWS[:0], fresh_per_list=0)).recommend(uid).items


def test_few_candidates_are_followed_by_fresh_ones() -> None:
    slate = Shop(bundle_with(hot=np.array([1, 2, 4], np.int32))).recall("nobody")
    assert [item.source for item in slate.items] == ["hot"] * 3 + ["fresh"] * QUOTA


def test_a_fresh_item_is_valued_at_the_end_of_the_first_page_wherever_the_list_has_it() -> None:
    bundle = bundle_with("lists", fresh_per_list=0)
    assert bundle.rank is not None
    shop = Shop(replace(bundle, rank=replace(bundle.rank, config=dict(bundle.rank.config) | {"slate": {"p_click": 0.5, "place": 0.8}})), lists=True)
    value = SlateValue(0.5, 0.8)
    slot, row = int(shop.bundle.users.slots[UIDS.index("bob"), 0]), UIDS.index("bob")
    listed = [item for item in shop.store.lists[slot] if item not in {iid(gone) for gone in SOLD_OUT}]
    shop.store.lists = {slot: listed}
    shop.store.sources = {slot: b"0" * 70 + str(FRESH).encode() + b"0" * (len(listed) - 71)}
    p_click = shop.release.ranker.score(shop.release.ranker.item_rows([item.encode() for item in listed]), row)
    scores = {item.item_id: item.score for item in shop.recommend("bob").items}
    places = np.arange(1, len(listed) + 1)
    places[70] = 10
    for item, expected in zip(listed, value(p_click, places.astype(np.float32)).tolist(), strict=True):
        assert scores[item] == pytest.approx(expected, abs=1e-6)
    assert scores[listed[70]] == pytest.approx(float(value(np.full(10, p_click[70], np.float32))[9]), abs=1e-6)


def test_a_list_whose_own_draw_stays_in_what_is_ranked_gives_way_to_the_draw_of_now() -> None:
    """Where fresh clicks find what the list holds already, they push little of it out."""
    shop = Shop(bundle_with("lists"), lists=True)
    listed = [item.item_id for item in shop.recall("bob", iid(7), top_k=50).items]
    slot = int(shop.bundle.users.slots[UIDS.index("bob"), 0])
    own_draw = [iid(row) for row in (20, 25, 30, 35) if iid(row) not in listed]
    shop.store.lists = {slot: listed + own_draw}
    shop.store.sources = {slot: b"0" * len(listed) + str(FRESH).encode() * len(own_draw)}
    assert len(own_draw) > 1
    assert len(fresh_in(shop.recommend("bob", iid(7)))) == QUOTA
    assert len(fresh_in(shop.recall("bob", iid(7)))) == QUOTA
