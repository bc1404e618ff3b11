"""Whatever fails, the next rung answers: named, never empty, never what the visitor was promised not to see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pytest
from small_release import SOLD_OUT, MemoryStore, full_lists, iid, small_bundle

from homefeed.artifacts.bundle import Bundle
from homefeed.core.errors import StoreError
from homefeed.core.slate import Request, Slate
from homefeed.models.weights import ModelWeights
from homefeed.serving.incidents import Incidents
from homefeed.serving.pipeline import RecommendPipeline, standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease
from homefeed.serving.stopwatch import STEPS

GONE = {iid(row) for row in SOLD_OUT}


class Shop:
    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.release = ReleaseInMemory.of(bundle)
        self.store = MemoryStore(bundle.release, full_lists(bundle))
        self.pipeline: RecommendPipeline = standard_pipeline(self.store, OneRelease(self.release))

    def recommend(self, uid: str, top_k: int = 10, **tags: str) -> Slate:
        return self.pipeline.recommend(Request("q", uid, top_k, 0, {name: (text,) for name, text in tags.items()}))

    def seen(self, uid: str) -> set[str]:
        return {iid(row) for row in self.bundle.seen.of(self.release.ranker.user_row(uid)).tolist()}


def ids(slate: Slate) -> list[str]:
    return [item.item_id for item in slate.items]


def with_rank(bundle: Bundle, **arrays: Any) -> Bundle:
    assert bundle.rank is not None
    return replace(bundle, rank=replace(bundle.rank, arrays={**bundle.rank.arrays, **arrays}))


def with_recall(bundle: Bundle, **arrays: Any) -> Bundle:
    assert bundle.recall is not None
    return replace(bundle, recall=replace(bundle.recall, arrays={**bundle.recall.arrays, **arrays}))


def filled_with(weights: ModelWeights | None, name: str, value: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    assert weights is not None
    return np.full_like(weights.arrays[name], value)


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
@pytest.mark.parametrize("broken", ["missing", "not finite", "too few numbers", "too few embeddings", "another shape", "infinite for users", "no array"])
def test_a_ranker_that_cannot_be_used_costs_recall_order_alone(broken: str) -> None:
    bundle = small_bundle()
    rank = bundle.rank
    assert rank is not None
    users_blow_up = rank.arrays["embedding"].copy()
    users_blow_up[rank.vocabulary.row[1:9]] = 3e38
    broken_bundle = {
        "missing": replace(bundle, rank=None, faults={"rank": "rank.safetensors cannot be read"}),
        "not finite": with_rank(bundle, bias=np.array([np.nan], np.float32)),
        "too few numbers": with_rank(bundle, dense_linear=rank.arrays["dense_linear"][:-2]),
        "too few embeddings": with_rank(bundle, embedding=rank.arrays["embedding"][:5], linear=rank.arrays["linear"][:5]),
        "another shape": with_rank(bundle, **{"mlp.1.weight": np.ones((1, 3), np.float32)}),
        "infinite for users": with_rank(bundle, embedding=users_blow_up),
        "no array": with_rank(bundle, embedding="embedding"),
    }[broken]
    shop = Shop(broken_bundle)
    slate = shop.recommend("bob")
    assert ids(slate) == [i for i in shop.store.lists[2] if i not in GONE][:10]
    assert (slate.degraded, {item.score for item in slate.items}) == (("rank_service",), {0.0})


def test_scores_that_are_no_numbers_for_one_visitor_cost_that_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(small_bundle())
    model = shop.release.ranker._model
    assert model is not None
    monkeypatch.setattr(type(model), "logits", lambda self, user, rows: np.full(len(rows), np.nan, np.float32))
    assert shop.recommend("bob").degraded == ("rank_service",)
    monkeypatch.undo()
    assert shop.recommend("bob").degraded == ()


@pytest.mark.parametrize("broken", ["missing", "not finite", "vectors of another length", "too few vectors", "another width"])
def test_a_recall_model_that_cannot_be_used_costs_answers_by_tags_alone(broken: str) -> None:
    bundle = small_bundle()
    broken_bundle = {
        "missing": replace(bundle, recall=None, item_vectors=np.zeros((0, 0), np.float32), faults={"recall": "recall.safetensors cannot be read"}),
        "not finite": with_recall(bundle, **{"encoder.norm.bias": filled_with(bundle.recall, "encoder.norm.bias", np.inf)}),
        "vectors of another length": replace(bundle, item_vectors=bundle.item_vectors[:, :-1].copy()),
        "too few vectors": replace(bundle, item_vectors=bundle.item_vectors[:-1].copy()),
        "another width": with_recall(bundle, **{"user_token.weight": np.ones((6, 3), np.float32)}),
    }[broken]
    shop = Shop(broken_bundle)
    slate = shop.recommend("a guest", utag1="young")
    assert (slate.degraded, len(slate.items), {item.source for item in slate.items}) == (("tags",), 10, {"hot"})
    assert shop.recommend("a guest").degraded == ()
    assert shop.recommend("bob").degraded == ()
    assert "tags" in shop.release.reasons()


def test_a_guest_is_ranked_by_tags_though_nothing_can_be_found_by_them() -> None:
    shop = Shop(small_bundle(recall=None, faults={"recall": "gone"}))
    assert shop.recommend("a guest", utag1="young") != shop.recommend("a guest", utag1="old")


STAGES = ["reader", "source", "filter"]


def break_stage(shop: Shop, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise ZeroDivisionError(f"in the {stage}")

    supply = shop.pipeline.supplies.turns[0]
    target = {"reader": (MemoryStore, "read_list"), "source": (type(supply.source), "fetch"), "filter": (type(supply.filters[0]), "keep")}[stage]
    monkeypatch.setattr(*target, fail)


@pytest.mark.parametrize("uid", ["bob", "tagged", "plain"])
@pytest.mark.parametrize("stage", STAGES)
def test_what_nobody_foresaw_is_answered_by_the_hot_list_without_sold_out_and_seen_items(stage: str, uid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(small_bundle())
    break_stage(shop, stage, monkeypatch)
    slate = shop.recommend(uid, top_k=100)
    assert ids(slate) == [i for i in map(iid, shop.bundle.hot.tolist()) if i not in GONE | shop.seen(uid)][:100]
    assert (slate.degraded, slate.is_short, slate.release) == (("pipeline",), False, "r1")
    recalled = shop.pipeline.recall(Request("q", uid, 500))
    assert recalled.degraded == ("pipeline",)
    assert not set(ids(recalled)) & (GONE | shop.seen(uid))


def test_a_scorer_that_fails_in_an_unforeseen_way_costs_recall_order_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(small_bundle())

    def fail(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(type(shop.pipeline.scorer), "score", fail)
    slate = shop.recommend("bob")
    assert slate.degraded == ("rank_service",)
    assert ids(slate) == [i for i in shop.store.lists[2] if i not in GONE][:10]


def test_the_log_has_one_traceback_a_minute_for_each_mistake(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop(small_bundle())
    with monkeypatch.context() as patch:
        break_stage(shop, "source", patch)
        for _ in range(20):
            shop.recommend("bob")
    assert sum(record.exc_info is not None for record in caplog.records) == 1

    def fail(*_: object) -> NoReturn:
        raise OverflowError

    monkeypatch.setattr(MemoryStore, "read_list", fail)
    shop.recommend("bob")
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_a_mistake_is_news_again_after_a_minute_and_mistakes_without_number_are_not_all_remembered() -> None:
    now = 0.0
    incidents = Incidents(lambda: now)
    error = ValueError()
    assert (incidents.is_news(error), incidents.is_news(error), incidents.is_news(TypeError())) == (True, False, True)
    now = 61.0
    assert incidents.is_news(error)
    for n in range(500):
        incidents.is_news(type(f"Error{n}", (Exception,), {})())
    assert len(incidents._told) <= 100


def test_a_store_that_refuses_is_out_like_one_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(small_bundle())

    def refuse(*_: object) -> NoReturn:
        raise StoreError("refused: no such database")

    monkeypatch.setattr(MemoryStore, "read_list", refuse)
    assert shop.recommend("bob").degraded == ("redis",)


def test_every_slate_says_what_its_steps_took() -> None:
    shop = Shop(small_bundle())
    ticks = iter(range(1000))
    pipeline = replace(shop.pipeline, clock=lambda: float(next(ticks)))
    assert pipeline.recommend(Request("q", "bob", 10)).seconds == {"receive": 1, "recall": 2, "filter": 2, "score": 1, "page": 1}
    assert tuple(pipeline.recommend(Request("q", "bob", 10)).seconds) == STEPS
    assert list(pipeline.recall(Request("q", "bob", 10)).seconds) == ["receive", "recall", "filter", "page"]
