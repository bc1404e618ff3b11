from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest
from benchmarks.quality_truth import Truth, judge_api, judged, read_truth

from homefeed.simulation.shop.making import make_shop
from homefeed.simulation.shop.settings import ShopSettings
from homefeed.simulation.shop.truth import truth_of, write_truth

P = np.array([[0.8, 0.4, 0.2, 0.0], [0.1, 0.3, 0.5, 0.0]])
"""The fourth item has not launched."""


def truth() -> Truth:
    return Truth(np.array(["u1", "u2"]), np.array(["active", "active"]), np.array(["a", "b", "c", "d"]), P, np.array(["b", "c"]))


def test_a_share_of_the_gap_is_that_of_a_case_computed_by_hand() -> None:
    """Two places. Random: (1.4 / 3, 0.9 / 3); best: (0.6, 0.4); ours: (0.6, 0.2); the single list b, c: (0.3, 0.4)."""
    figures = judged("active", truth(), [["a", "b"], ["b", "a"]], 2)
    gap = (0.6 - 1.4 / 3) + (0.4 - 0.3)
    assert figures.ours == pytest.approx(0.4)
    assert figures.random == pytest.approx(2.3 / 6)
    assert figures.best == pytest.approx(0.5)
    assert figures.closed.value == pytest.approx((0.6 - 1.4 / 3 - 0.1) / gap)
    assert figures.single_closed == pytest.approx((0.3 - 1.4 / 3 + 0.1) / gap)
    assert figures.ahead_of_single.value == pytest.approx((0.3 - 0.2) / gap)


def test_short_repeated_and_foreign_items_earn_nothing_and_are_counted() -> None:
    figures = judged("active", truth(), [["a", "a"], ["x"]], 2)
    assert figures.ours == pytest.approx((0.4 + 0.0) / 2)
    assert (figures.short, figures.repeated, figures.foreign, figures.distinct) == (1, 1, 1, 2)


def test_only_the_first_k_places_count() -> None:
    assert judged("active", truth(), [["b", "c", "a"], ["a", "b", "c"]], 2).ours == pytest.approx((0.3 + 0.2) / 2)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    path = tmp_path_factory.mktemp("shop") / "truth.npz"
    write_truth(path, truth_of(make_shop(ShopSettings(users=200, items=80, lists=500), 3), 40, 20))
    return read_truth(path)


def test_an_api_that_serves_the_best_items_closes_the_whole_gap(shop: Truth) -> None:
    best = {uid: shop.iid[np.argsort(-p)[:10]].tolist() for uid, p in zip(shop.uid.tolist(), shop.p_click, strict=True)}
    with api(best) as url:
        active, silent = judge_api(url, shop)
    assert (active.users, silent.users) == ((shop.group == "active").sum(), (shop.group == "silent").sum())
    for figures in (active, silent):
        assert figures.closed.value == pytest.approx(1.0)
        assert 0 < figures.single_closed < 1
        assert figures.short == figures.repeated == figures.foreign == 0


def test_an_api_that_serves_the_best_single_list_is_not_ahead_of_it(shop: Truth) -> None:
    with api({uid: shop.best_static.tolist() for uid in shop.uid.tolist()}) as url:
        active, _ = judge_api(url, shop)
    assert active.closed.value == pytest.approx(active.single_closed)
    assert active.ahead_of_single.value == pytest.approx(0.0)
    assert active.distinct == 10


@contextmanager
def api(slates: dict[str, list[str]]) -> Iterator[str]:
    """A server that answers ``/recommend/<uid>?top_k=`` as the API does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            k = int(parse_qs(address.query)["top_k"][0])
            slate = slates[unquote(address.path.removeprefix("/recommend/"))]
            body = json.dumps({"items": [{"id": item, "score": 0.5} for item in slate[:k]]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_truth_that_is_read_back_is_the_one_that_was_written(tmp_path: Path) -> None:
    written = truth_of(make_shop(ShopSettings(users=60, items=40, lists=100), 4), 10, 5)
    write_truth(tmp_path / "truth.npz", written)
    read = read_truth(tmp_path / "truth.npz")
    assert read.uid.tolist() == written.uid.tolist()
    np.testing.assert_allclose(read.p_click, written.p_click)
