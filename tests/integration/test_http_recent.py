"""`recent` over HTTP: the next answer knows a click that no nightly log holds yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running_api import Api, published, running


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    data = tmp_path_factory.mktemp("shop")
    with published(data), running(data, RECSYS_REDIS_TIMEOUT_MS="1000") as api:
        yield api


def ids(api: Api, path: str) -> list[str]:
    status, body = api.get(path)
    assert (status, body["degraded"]) == (200, [])
    return [item if isinstance(item, str) else item["id"] for item in body["items"]]


@pytest.mark.parametrize("uid", ["guest", "bob"])
def test_a_click_changes_the_next_answer_and_is_not_shown_again(api: Api, uid: str) -> None:
    before = ids(api, f"/recall/{uid}")
    clicked = before[0].replace(" ", "%20")
    after = ids(api, f"/recall/{uid}?recent={clicked}")
    assert after != before[1:]
    assert before[0] not in after
    assert before[0] not in ids(api, f"/recommend/{uid}?top_k=100&recent={clicked}")


def test_clicks_may_be_joined_or_repeated(api: Api) -> None:
    joined, repeated = ids(api, "/recommend/guest?recent=item%205,item%208"), ids(api, "/recommend/guest?recent=item%205&recent=item%208")
    assert joined == repeated != ids(api, "/recommend/guest?recent=item%208,item%205")
    assert api.get("/recommend/guest?recent=item%205")[1]["items"][0]["source"] == "dssm"


@pytest.mark.parametrize("recent", ["", ",", "no%20such", "%ff%fe", "%00", "a" * 5000, ",".join(["item%201"] * 3000), "item%205&recent=&recent"])
def test_nothing_that_is_sent_as_recent_is_an_error(api: Api, recent: str) -> None:
    for route in ("recall", "recommend"):
        status, body = api.get(f"/{route}/bob?recent={recent}")
        assert (status, body["degraded"]) == (200, [])
        assert len(body["items"]) > 0
