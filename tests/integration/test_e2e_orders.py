"""A shop with `order.dat`: from raw files to chances of orders over HTTP; another value is declared at an export, and without the file nothing is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shop_project import QUICK_TRAINING, Api, Project, server_with_a_port

from homefeed.simulation.planted import PlantedTruth, planted_taste_shop

OFTEN, SELDOM = 2, 12
"""Of the clicks on odd items every second one leads to an order, of those on even items every twelfth."""


@dataclass(frozen=True, slots=True)
class Shop:
    project: Project
    truth: PlantedTruth
    said: str


def is_odd(iid: str) -> bool:
    return int(iid) % 2 == 1


def write_orders(project: Project) -> None:
    """Each a second after its click."""
    counts, lines = {True: 0, False: 0}, []
    for line in (project.raw / "shop.dat").read_text().splitlines():
        ts, uid, iid, label = line.split(",")
        if label == "1":
            odd = is_odd(iid)
            counts[odd] += 1
            if counts[odd] % (OFTEN if odd else SELDOM) == 0:
                lines.append(f"{int(ts) + 1},{uid},{iid},{5.0 if odd else 20.0}")
    (project.raw / "order.dat").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("project")
    truth = planted_taste_shop(folder / "data" / "raw_data", users=120, items=60)
    (folder / "homefeed.toml").write_text('seen = "keep"\n' + QUICK_TRAINING)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        write_orders(project)
        yield Shop(project, truth, project.inside("run", *project.address))


def first_page(api: Api, uid: str) -> list[Any]:
    items: list[Any] = api.ok(f"/recommend/{uid}?top_k=10")["items"]
    return items


def share_odd(api: Api, shop: Shop) -> float:
    pages = [first_page(api, uid) for uid in shop.truth.active[:30]]
    return sum(is_odd(item["id"]) for page in pages for item in page) / sum(map(len, pages))


def test_orders_are_counted_learned_measured_and_answered(shop: Shop) -> None:
    assert "orders: " in shop.said
    assert "Orders of clicks in " in shop.said
    assert "orders, as far as they have come: order_auc 0." in shop.said
    with shop.project.api() as api:
        items = [item for uid in shop.truth.active[:30] for item in api.ok(f"/recommend/{uid}?top_k=60")["items"]]
        by_default = share_odd(api, shop)
    assert {tuple(item) for item in items} == {("id", "score", "p_click", "p_order", "source")}
    for odd, rate in ((True, 1 / OFTEN), (False, 1 / SELDOM)):
        said = [item["p_order"] for item in items if is_odd(item["id"]) == odd]
        assert sum(said) / len(said) == pytest.approx(rate, abs=0.08)
    shop.project.inside("export", *shop.project.address, "--config", str(declaring(shop.project, click=1.0, order=0.0)))
    with shop.project.api() as api:
        assert share_odd(api, shop) < by_default - 0.1, "clicks alone: both kinds are clicked alike"
        assert all("p_order" in item for item in first_page(api, shop.truth.active[0]))
    shop.project.inside("export", *shop.project.address, "--config", str(declaring(shop.project, click=0.0, order=1.0)))
    with shop.project.api() as api:
        assert share_odd(api, shop) >= max(by_default, 0.9), "orders alone"


def declaring(project: Project, **value: float) -> Path:
    """The project's settings with another declared value."""
    path = project.folder / f"value-{value['click']}-{value['order']}.toml"
    weights = "".join(f"{name} = {weight}\n" for name, weight in value.items())
    path.write_text((project.folder / "homefeed.toml").read_text() + "[value]\n" + weights)
    return path


def test_without_the_file_the_same_log_has_no_p_order(shop: Shop) -> None:
    (shop.project.raw / "order.dat").unlink()
    said = shop.project.inside("run", *shop.project.address)
    assert "Orders of clicks" not in said
    with shop.project.api() as api:
        assert {tuple(item) for item in first_page(api, shop.truth.active[0])} == {("id", "score", "p_click", "source")}
