"""The contract's three routes: what they answer, and how they refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from order_release import with_orders
from prometheus_client import CollectorRegistry
from small_release import N_ITEMS, NOW, UIDS, MemoryStore, full_lists, iid, small_bundle, with_broken_ranker
from werkzeug.test import TestResponse

from homefeed.api.app import create_app
from homefeed.api.exposition import WorkerState, exposition
from homefeed.api.guard import Access
from homefeed.api.services import Services
from homefeed.api.slate_log import SlateLog
from homefeed.api.telemetry import Telemetry
from homefeed.api.warm_up import WarmUp
from homefeed.artifacts.bundle import Bundle
from homefeed.serving.health import check_health
from homefeed.serving.pipeline import RecommendPipeline, standard_pipeline
from homefeed.serving.release_in_memory import ReleaseInMemory
from homefeed.serving.releases import OneRelease


@dataclass
class Api:
    store: MemoryStore
    bundle: Bundle
    origins: tuple[str, ...] = ()
    raises: Exception | None = None
    token: bytes = b""
    slate_log: SlateLog | None = None

    def __post_init__(self) -> None:
        releases = OneRelease(ReleaseInMemory.of(self.bundle))
        pipeline: RecommendPipeline = standard_pipeline(self.store, releases)
        telemetry = Telemetry(CollectorRegistry())
        state = WorkerState(self.bundle.release, breaker_is_open=False)
        services = Services(
            pipeline,
            lambda: check_health(self.store, releases, NOW, timedelta(hours=48)),
            self.start,
            WarmUp(pipeline).is_done,
            telemetry,
            lambda: exposition(telemetry.registry, None, state, NOW),
            self.slate_log,
        )
        self.client = create_app(services, Access(self.token, self.origins)).test_client()

    def start(self) -> None:
        if self.raises:
            raise self.raises

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers)

    def get_raw(self, path: bytes) -> TestResponse:
        """The path's bytes as a server hands them on, decoded once."""
        return self.client.get("/", environ_overrides={"PATH_INFO": path.decode("latin-1")})


@pytest.fixture
def bundle() -> Bundle:
    return small_bundle()


@pytest.fixture
def api(bundle: Bundle) -> Api:
    return Api(MemoryStore(bundle.release, full_lists(bundle)), bundle)


def body(response: TestResponse) -> Any:
    assert response.mimetype == "application/json"
    return response.get_json()


def test_health_names_every_part_and_the_release(api: Api) -> None:
    response = api.get("/health")
    assert response.status_code == 200
    assert body(response) == {"redis": "ok", "rank_service": "ok", "release": "r1", "release_age_seconds": 7200, "degraded": [], "warnings": []}


def test_health_is_503_with_the_part_named(bundle: Bundle) -> None:
    down = Api(MemoryStore(bundle.release, down=True), bundle).get("/health")
    broken = Api(MemoryStore(bundle.release), with_broken_ranker(bundle)).get("/health")
    lost = Api(MemoryStore(None), bundle).get("/health")
    assert [r.status_code for r in (down, broken, lost)] == [503, 503, 503]
    assert (body(down)["redis"], body(down)["rank_service"]) == ("unavailable", "ok")
    assert (body(broken)["redis"], body(broken)["rank_service"]) == ("ok", "unavailable")
    assert body(lost)["degraded"] == ["release"]
    assert [set(body(r)["reasons"]) for r in (down, broken, lost)] == [{"redis"}, {"rank_service"}, {"release"}]


def test_an_old_release_is_a_warning_and_stays_200(bundle: Bundle) -> None:
    old = replace(bundle, release=replace(bundle.release, created_at="2026-11-20T00:00:00+00:00"))
    response = Api(MemoryStore(old.release), old).get("/health")
    assert response.status_code == 200
    assert len(body(response)["warnings"]) == 1


def test_recall_answers_the_contracts_fields(api: Api) -> None:
    answer = body(api.get("/recall/bob", **{"X-Request-ID": "q-1"}))
    assert len(answer["items"]) == len(answer["sources"]) == answer["count"] == 50
    assert all(isinstance(i, str) for i in answer["items"])
    assert {k: v for k, v in answer.items() if k not in ("items", "sources")} == {
        "uid": "bob",
        "stage": "recall",
        "count": 50,
        "is_cold_start": False,
        "request_id": "q-1",
        "release": "r1",
        "degraded": [],
    }


def test_recommend_answers_the_contracts_fields(api: Api) -> None:
    answer = body(api.get("/recommend/bob", **{"X-Request-ID": "q-1"}))
    assert [set(item) for item in answer["items"]] == [{"id", "score", "p_click", "source"}] * 10
    assert all(isinstance(item["score"], float) and 0 < item["score"] < 1 for item in answer["items"])
    rest = {k: v for k, v in answer.items() if k != "items"}
    assert rest == {"uid": "bob", "stage": "rank", "is_cold_start": False, "request_id": "q-1", "release": "r1", "degraded": []}


def test_recommend_says_the_chance_of_an_order_where_the_release_knows_orders() -> None:
    bundle = with_orders(small_bundle())
    items = body(Api(MemoryStore(bundle.release, full_lists(bundle)), bundle).get("/recommend/bob"))["items"]
    assert [list(item) for item in items] == [["id", "score", "p_click", "p_order", "source"]] * 10
    assert all(0 < item["p_order"] < 1 for item in items)


def test_count_is_what_was_returned(api: Api) -> None:
    api.store.lists = {2: [iid(1), iid(2)]}
    assert body(api.get("/recall/bob?top_k=500"))["count"] == 2


def test_pages_of_the_api_do_not_repeat(api: Api) -> None:
    pages = [body(api.get(f"/recommend/bob?top_k=40&offset={offset}"))["items"] for offset in (0, 40, 80, 120)]
    shown = [item["id"] for page in pages for item in page]
    assert len(shown) == len(set(shown)) > 90
    assert pages[-1] == []


def test_guest_tags_come_from_the_query(api: Api) -> None:
    by_tags, strange = body(api.get("/recommend/guest?utag1=young&likes=tea&likes=milk&utm_source=x")), body(api.get("/recommend/guest?utm_source=x"))
    assert {item["source"] for item in by_tags["items"]} == {"tags"}
    assert {item["source"] for item in strange["items"]} == {"hot"}
    assert by_tags["is_cold_start"] is strange["is_cold_start"] is True
    twice, once = body(api.get("/recommend/guest?utag1=old&utag1=young")), body(api.get("/recommend/guest?utag1=young"))
    assert twice["items"] == once["items"] != strange["items"]


@pytest.mark.parametrize("uid", [uid for uid in UIDS[1:] if uid not in ("tagged", "plain")])
@pytest.mark.parametrize("route", ["recall", "recommend"])
def test_a_uid_may_hold_anything_legible(api: Api, route: str, uid: str) -> None:
    answer = body(api.get_raw(f"/{route}/{uid}".encode()))
    assert (answer["uid"], answer["is_cold_start"]) == (uid, False)


@pytest.mark.parametrize("uid", ["a//b", "/", "//a/", "..", "a/../b", "%zz", "a?b", "#", " ", "x" * 512, "é" * 256, "日本"])
def test_a_strange_uid_comes_back_as_it_was_sent(api: Api, uid: str) -> None:
    response = api.get_raw(f"/recall/{uid}".encode())
    assert (response.status_code, body(response)["uid"], body(response)["is_cold_start"]) == (200, uid, True)


def test_extra_slashes_before_the_route_are_not_part_of_the_uid(api: Api) -> None:
    assert body(api.get_raw(b"//recall/bob"))["uid"] == "bob"


@pytest.mark.parametrize("uid", [b"", b"\xff", b"\xc3", b"a\x00b", b"a\nb", b"\n", b"\x7f", b"\xc2\x85", b"x" * 513, "é".encode() * 257, b"\xed\xa0\x80"])
def test_a_uid_that_nobody_can_have_is_refused(api: Api, uid: bytes) -> None:
    response = api.get_raw(b"/recommend/" + uid)
    assert (response.status_code, body(response)["error"]["code"]) == (400, "bad_uid")


@pytest.mark.parametrize("value", ["abc", "", "0", "-1", "1.5", "1e2", "+5", " 5", "1_0", "٣", "9" * 5000, "NaN"])
@pytest.mark.parametrize("route", ["recall", "recommend"])
def test_a_top_k_that_is_no_number_in_range_is_refused(api: Api, route: str, value: str) -> None:
    response = api.client.get(f"/{route}/bob", query_string={"top_k": value})
    assert response.status_code == 400
    assert set(body(response)) == {"error"}
    assert set(body(response)["error"]) == {"code", "message"}
    assert body(response)["error"]["code"] == "bad_top_k"


@pytest.mark.parametrize(("path", "status"), [("/recall/bob?top_k=500", 200), ("/recall/bob?top_k=501", 400), ("/recommend/bob?top_k=100", 200)])
def test_each_route_has_its_limit(api: Api, path: str, status: int) -> None:
    assert api.get(path).status_code == status


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/recommend/bob?top_k=101", "bad_top_k"),
        ("/recommend/bob?offset=-1", "bad_offset"),
        ("/recall/bob?offset=10001", "bad_offset"),
        ("/recall/bob?offset=x", "bad_offset"),
    ],
)
def test_the_refusal_says_which_parameter(api: Api, path: str, code: str) -> None:
    response = api.get(path)
    assert (response.status_code, body(response)["error"]["code"]) == (400, code)


@pytest.mark.parametrize("path", ["/", "/recall", "/recommend", "/health/", "/recal/bob", "/recall%2Fbob", "/static/x", "/favicon.ico"])
def test_an_unknown_route_is_404(api: Api, path: str) -> None:
    response = api.get_raw(path.encode())
    assert (response.status_code, body(response)["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/health", "/recall/bob", "/recommend/bob"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_another_method_is_405_and_names_those_allowed(api: Api, path: str, method: str) -> None:
    response = api.client.open(path, method=method)
    assert (response.status_code, body(response)["error"]["code"]) == (405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]


def test_our_own_mistake_is_a_500_in_the_same_shape(api: Api) -> None:
    api.raises = RuntimeError("boom")
    response = api.get("/recall/bob")
    assert (response.status_code, body(response)["error"]["code"]) == (500, "internal_error")
    assert "boom" not in response.text


def test_a_request_id_goes_in_and_out(api: Api) -> None:
    assert api.get("/health", **{"X-Request-ID": "shop-1.a_B"}).headers["X-Request-ID"] == "shop-1.a_B"
    assert api.get("/nope", **{"X-Request-ID": "shop-2"}).headers["X-Request-ID"] == "shop-2"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "a;b", "é"])
def test_a_request_id_that_is_none_is_replaced(api: Api, sent: str) -> None:
    first, second = (api.get("/recall/bob", **{"X-Request-ID": sent}) for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", first.headers["X-Request-ID"])
    assert first.headers["X-Request-ID"] == body(first)["request_id"] != second.headers["X-Request-ID"]


def test_no_page_of_another_origin_may_call_unless_told(api: Api) -> None:
    assert "Access-Control-Allow-Origin" not in api.get("/health", Origin="https://shop.example").headers


def test_pages_of_the_named_origins_may_call(bundle: Bundle) -> None:
    shop = Api(MemoryStore(bundle.release), bundle, ("https://shop.example",))
    ours, others = shop.get("/recall/bob", Origin="https://shop.example"), shop.get("/recall/bob", Origin="https://evil.example")
    assert ours.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert ours.headers["Vary"] == others.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in others.headers
    preflight = shop.client.options("/recall/bob", headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Methods"]) == (200, "GET")
    assert shop.get("/recall/bob?top_k=x", Origin="https://shop.example").headers["Access-Control-Allow-Origin"] == "https://shop.example"


def test_head_is_get_without_a_body(api: Api) -> None:
    response = api.client.head("/recall/bob")
    assert (response.status_code, response.data) == (200, b"")


def test_the_whole_catalogue_pages_through_for_a_stranger(api: Api) -> None:
    pages = [body(api.get(f"/recall/nobody?top_k=90&offset={offset}"))["items"] for offset in range(0, 360, 90)]
    shown = [i for page in pages for i in page]
    assert len(shown) == len(set(shown)) == N_ITEMS - 4


def test_live_asks_neither_store_nor_release(api: Api) -> None:
    api.raises = RuntimeError("no store, no release, nothing")
    assert (api.get("/live").status_code, body(api.get("/live"))) == (200, {"live": True})
    assert api.get("/docs").status_code == api.get("/openapi.json").status_code == 200


def test_ready_is_true_once_a_slate_was_made(api: Api) -> None:
    assert (api.get("/ready").status_code, body(api.get("/ready"))) == (200, {"ready": True})


@pytest.mark.parametrize("path", ["/recommend/bob", "/recommend/bob?top_k=x", "/nowhere", "/live", "/docs"])
def test_every_answer_is_for_one_use_and_names_no_version(api: Api, path: str) -> None:
    headers = api.get(path).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"], headers["Server"]) == ("no-store", "nosniff", "homefeed")
    assert not any(
        re.search(r"werkzeug|flask|python|granian|\d+\.\d+", f"{name} {value}", re.IGNORECASE) for name, value in headers.items() if name != "X-Request-ID"
    )


def test_a_uid_with_line_breaks_in_a_header_cannot_add_one(api: Api) -> None:
    response = api.get_raw(b"/recommend/a\r\nSet-Cookie: x=1")
    assert (response.status_code, body(response)["error"]["code"], "Set-Cookie" in response.headers) == (400, "bad_uid", False)


def test_what_was_asked_for_is_counted_by_route_and_never_by_uid(api: Api) -> None:
    for path in ("/recommend/bob", "/recommend/zo", "/recommend/bob?top_k=x", "/nowhere", "/recall/ann"):
        api.get(path)
    told = api.get("/metrics").text
    assert 'homefeed_requests_total{route="recommend",status="200"} 2.0' in told
    assert 'homefeed_requests_total{route="recommend",status="400"} 1.0' in told
    assert 'homefeed_requests_total{route="unknown",status="404"} 1.0' in told
    assert 'homefeed_stage_seconds_count{stage="receive"} 3.0' in told
    assert "bob" not in told


def test_a_preflight_needs_no_token_and_may_ask_to_send_one(bundle: Bundle) -> None:
    shop = Api(MemoryStore(bundle.release), bundle, ("https://shop.example",), token=b"t0ken")
    preflight = shop.client.options("/recommend/bob", headers={"Origin": "https://shop.example"})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Headers"]) == (200, "Authorization, X-Request-ID")
    assert shop.get("/recommend/bob").status_code == 401
    assert shop.get("/recommend/bob", Authorization="Bearer t0ken").status_code == 200
    assert "t0ken" not in repr(Access(b"t0ken"))
