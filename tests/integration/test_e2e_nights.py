"""Two nights of a shop under load: slots stay, the API follows each release without a failed request, and what must not be published is not."""

from __future__ import annotations

import http.client
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from shop_project import QUICK_TRAINING, Api, Project, server_with_a_port
from waiting import eventually

from homefeed.core.errors import ArtifactError, StoreError
from homefeed.simulation.planted import PlantedTruth, planted_taste_shop

LATECOMERS = 20
"""Users, and a quarter as many items, that come with the second night's data."""


@dataclass(slots=True)
class Load:
    """Every answer given while it ran: (uid, status, release, parts that were out, cold)."""

    answers: list[tuple[str, int, str, tuple[str, ...], bool]] = field(default_factory=list)

    def releases(self) -> set[str]:
        return {release for _, _, release, _, _ in self.answers}


@dataclass(frozen=True, slots=True)
class Nights:
    """``slots``: the feature map after each night; ``releases``: the release of each; ``load``: what the API answered meanwhile."""

    project: Project
    truth: PlantedTruth
    api: Api
    slots: tuple[dict[str, int], dict[str, int]]
    releases: tuple[str, str]
    load: Load


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("project")
    truth = planted_taste_shop(folder / "data" / "raw_data", users=120, items=60)
    (folder / "homefeed.toml").write_text(QUICK_TRAINING)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        whole = first_half(project.raw, truth)
        project.inside("run", *project.address)
        with project.api() as api:
            first, first_slots = live(api), feature_map(project)
            for name, text in whole.items():
                (project.raw / name).write_text(text)
            with under_load(api, truth) as load:
                project.inside("run", *project.address)
                assert eventually(lambda: live(api) != first)
            yield Nights(project, truth, api, (first_slots, feature_map(project)), (first, live(api)), load)


def first_half(raw: Path, truth: PlantedTruth) -> dict[str, str]:
    """Cuts the files down to the first half of the log without latecomers; returns them whole."""
    whole = {name: (raw / name).read_text() for name in ("shop.dat", "user_feature.dat", "item_feature.dat")}
    late = {*truth.active[-LATECOMERS:], *truth.items[-LATECOMERS // 4 :]}
    for name, text in whole.items():
        lines = text.splitlines()
        kept = [line for line in lines[: len(lines) // 2 if name == "shop.dat" else None] if late.isdisjoint(line.split(","))]
        (raw / name).write_text("\n".join(kept) + "\n")
    return whole


@contextmanager
def under_load(api: Api, truth: PlantedTruth) -> Iterator[Load]:
    """Known users, one after the other, without a pause."""
    load, stop = Load(), threading.Event()
    uids = (*truth.active[:-LATECOMERS:7], *truth.cold[::7])

    def ask() -> None:
        while not stop.is_set():
            for uid in uids:
                try:
                    status, body = api.get(f"/recommend/{uid}?top_k=10")
                except (OSError, http.client.HTTPException) as error:
                    load.answers.append((uid, 0, str(error), (), False))
                else:
                    load.answers.append((uid, status, body.get("release", ""), tuple(body.get("degraded", ())), body.get("is_cold_start", True)))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield load
    finally:
        stop.set()
        thread.join()


def live(api: Api) -> str:
    release: str = api.ok("/health")["release"]
    return release


def feature_map(project: Project) -> dict[str, int]:
    content: dict[str, int] = pickle.loads((project.processed / "feature_map.pkl").read_bytes())  # noqa: S301 - what the contract's readers do
    return content


def test_every_slot_of_the_first_night_is_the_same_on_the_second(nights: Nights) -> None:
    first, second = nights.slots
    assert {name: second[name] for name in first} == first
    assert {f"uid={uid}" for uid in nights.truth.active[-LATECOMERS:]} <= second.keys() - first.keys()
    assert min(second[name] for name in second.keys() - first.keys()) > max(first.values())


def test_a_slot_s_list_is_still_the_list_of_its_user(nights: Nights) -> None:
    client, (_, slots) = nights.project.client(), nights.slots
    for uid in (*nights.truth.active[::9], *nights.truth.cold[::9]):
        listed = client.zrevrange(f"recall:{slots[f'uid={uid}']}", 0, 9)
        assert nights.api.ids(f"/recall/{uid}?top_k=10") == listed
        assert nights.truth.share_liked(uid, nights.api.ids(f"/recommend/{uid}?top_k=10")) > 0.8


def test_latecomers_have_lists_and_new_items_are_listed(nights: Nights) -> None:
    newcomer = nights.truth.active[-1]
    assert not nights.api.ok(f"/recommend/{newcomer}")["is_cold_start"]
    assert set(nights.truth.items[-LATECOMERS // 4 :]) <= set(nights.api.ids(f"/recall/{newcomer}?top_k=100"))


def test_no_request_fails_while_a_night_is_published(nights: Nights) -> None:
    answers = nights.load.answers
    assert [answer for answer in answers if answer[1] != 200 or answer[3] or answer[4]] == []
    assert nights.load.releases() == set(nights.releases)
    order = [release for _, _, release, _, _ in answers]
    assert order == sorted(order)


def test_other_databases_stay_empty(nights: Nights) -> None:
    """The release before rests in one spare database."""
    used = {int(name.removeprefix("db")) for name in nights.project.client(0).info("keyspace")}
    assert 1 in used
    assert len(used) == 2


def test_status_and_health_name_the_live_release(nights: Nights) -> None:
    printed = nights.project.inside("status", *nights.project.address)
    assert live(nights.api) in printed
    assert nights.releases[0] in printed


def test_the_store_of_the_last_export_is_read_without_being_named(nights: Nights) -> None:
    assert live(nights.api) in nights.project.inside("status")


def test_rollback_brings_the_release_before_back_and_the_api_follows_without_a_failed_request(nights: Nights) -> None:
    before, after = nights.releases
    with under_load(nights.api, nights.truth) as load:
        assert before in nights.project.inside("export", "--rollback", *nights.project.address)
        assert eventually(lambda: live(nights.api) == before)
    assert [answer for answer in load.answers if answer[1] != 200 or answer[3] or answer[4]] == []
    assert load.answers[-1][2] == before
    assert nights.api.ok(f"/recommend/{nights.truth.active[-1]}")["is_cold_start"]  # the first night does not know the latecomers
    nights.project.inside("export", "--rollback", *nights.project.address)
    assert eventually(lambda: live(nights.api) == after)


def test_without_export_nothing_is_published(nights: Nights) -> None:
    releases = sorted(path.name for path in (nights.project.folder / "data" / "releases").iterdir())
    printed = nights.project.inside("run", "--no-export", *nights.project.address)
    assert "== train rank" in printed
    assert "== export" not in printed
    assert sorted(path.name for path in (nights.project.folder / "data" / "releases").iterdir()) == releases
    assert live(nights.api) == nights.releases[1]


def test_another_shops_data_stops_before_anything_changes(nights: Nights, tmp_path: Path) -> None:
    files = {path: path.read_bytes() for path in nights.project.processed.iterdir() if path.is_file()}
    whole = {path: path.read_text() for path in nights.project.raw.iterdir()}
    planted_taste_shop(nights.project.raw, seed=99, users=30, items=20)
    try:
        with pytest.raises(ArtifactError, match=r"another shop.*--new-map"):
            nights.project.inside("run", *nights.project.address)
        assert {path: path.read_bytes() for path in files} == files
        elsewhere = ["--data", str(_moved(nights.project, tmp_path)), "--models", str(tmp_path / "models")]
        with pytest.raises(StoreError, match=r"another shop.*--adopt"):
            nights.project.inside("run", "--new-map", *elsewhere, *nights.project.address)
    finally:
        for path, text in whole.items():
            path.write_text(text)
    assert live(nights.api) == nights.releases[1]


def _moved(project: Project, folder: Path) -> Path:
    """The other shop's raw files in a data folder of its own."""
    (folder / "raw_data").mkdir()
    for path in project.raw.iterdir():
        (folder / "raw_data" / path.name).write_bytes(path.read_bytes())
    return folder
