"""The contract, from its scripts to its JSON: a shop whose users' tastes are known, through a real server, over HTTP."""

from __future__ import annotations

import csv
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import torch
from shop_project import QUICK_TRAINING, Api, Project, server_with_a_port

from homefeed.simulation.planted import PlantedTruth, planted_taste_shop

SCRIPTS = (
    "etl/preprocessor.py",
    "training/train_recall_dssm_pointwise.py",
    "training/train_recall_dssm_inbatch.py",
    "training/train_rank_deepfm.py",
)
ROW = ["ts", "uid", "utag1", "utag2", "iid", "itag1", "itag2", "itag3", "label"]


@dataclass(frozen=True, slots=True)
class Shop:
    """``said``: what each script printed."""

    project: Project
    truth: PlantedTruth
    said: dict[str, str]
    api: Api

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.project.processed / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def feature_map(self) -> dict[str, int]:
        content: dict[str, int] = pickle.loads((self.project.processed / "feature_map.pkl").read_bytes())  # noqa: S301 - what the contract's readers do
        return content

    def raw(self, name: str) -> list[list[str]]:
        return [line.split(",") for line in (self.project.raw / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("project")
    truth = planted_taste_shop(folder / "data" / "raw_data", users=240, items=150)
    (folder / "homefeed.toml").write_text(QUICK_TRAINING)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        runs = {script: project.script(script) for script in SCRIPTS}
        runs["serving/export_to_redis.py"] = project.script("serving/export_to_redis.py", "--host", "127.0.0.1", "--port", str(port))
        assert [run.returncode for run in runs.values()] == [0] * 5, {name: run.stderr[-2000:] for name, run in runs.items()}
        with project.api() as api:
            yield Shop(project, truth, {name: run.stdout for name, run in runs.items()}, api)


def path(uid: str) -> str:
    return quote(uid, safe="")


# --- ETL


def test_the_rows_in_slots_are_the_raw_rows_joined_with_their_tags(shop: Shop) -> None:
    names = {slot: name for name, slot in shop.feature_map().items()} | {0: ""}
    users = {uid: tags for uid, *tags in shop.raw("user_feature.dat")}
    items = {iid: tags for iid, *tags in shop.raw("item_feature.dat")}
    expected = Counter(
        (ts, f"uid={uid}", *(f"utag{n}={v}" for n, v in enumerate(users[uid], 1)), f"iid={iid}", *(f"itag{n}={v}" for n, v in enumerate(items[iid], 1)), label)
        for ts, uid, iid, label in shop.raw("shop.dat")
    )
    got: Counter[tuple[str, ...]] = Counter()
    for name in ("train.csv", "test.csv"):
        rows = shop.table(name)
        assert list(rows[0]) == ROW
        got.update((row["ts"], *(names[int(row[column])] for column in ROW[1:-1]), row["label"]) for row in rows)
    assert got == expected


def test_everything_before_one_moment_trains_and_the_last_fifth_tests(shop: Shop) -> None:
    train, test = ([int(row["ts"]) for row in shop.table(name)] for name in ("train.csv", "test.csv"))
    assert max(train) < min(test)
    assert len(test) / (len(train) + len(test)) == pytest.approx(0.2, abs=0.01)


def test_the_feature_map_numbers_every_value_once_from_1(shop: Shop) -> None:
    slots = shop.feature_map()
    assert sorted(slots.values()) == list(range(1, len(slots) + 1))
    assert all(type(slot) is int for slot in slots.values())
    assert {name for name in slots if name.startswith("uid=")} == {f"uid={uid}" for uid in (*shop.truth.active, *shop.truth.cold)}
    assert {name for name in slots if name.startswith("iid=")} == {f"iid={iid}" for iid in shop.truth.items}


def test_the_description_of_the_columns_fits_the_map(shop: Shop) -> None:
    about: dict[str, Any] = pickle.loads((shop.project.processed / "meta_data.pkl").read_bytes())  # noqa: S301 - what the contract's readers do
    assert about["feature_dim"] == len(shop.feature_map()) + 1
    assert about["columns"] == ROW


def test_every_item_has_its_global_score(shop: Shop) -> None:
    rows, slots = shop.table("item_global_score.csv"), shop.feature_map()
    assert list(rows[0]) == ["iid", "slot_id", "global_score", "impression_count", "ctr_mean"]
    shown = Counter(iid for _, _, iid, _ in shop.raw("shop.dat"))
    assert {row["iid"]: int(row["slot_id"]) for row in rows} == {iid: slots[f"iid={iid}"] for iid in shop.truth.items}
    assert {row["iid"]: int(row["impression_count"]) for row in rows} == {iid: shown[iid] for iid in shop.truth.items}
    assert all(float(row["global_score"]) > 0 and 0 < float(row["ctr_mean"]) < 1 for row in rows)


# --- training


@pytest.mark.parametrize("name", ["dssm_pointwise", "dssm_inbatch", "deepfm"])
def test_a_served_and_a_reported_model_are_saved_and_hold_no_code(name: str, shop: Shop) -> None:
    for file in (f"{name}.pth", f"{name}.report.pth"):
        content = torch.load(shop.project.models / file, weights_only=True)
        assert set(content) == {"state", "about"}


def test_training_says_how_good_its_model_is_beside_what_needs_no_model(shop: Shop) -> None:
    recall, rank = shop.said["training/train_recall_dssm_pointwise.py"], shop.said["training/train_rank_deepfm.py"]
    assert all(word in recall for word in ("recall_at_50", "DSSM", "popularity", "hotness", "has seen all rows"))
    assert all(word in rank for word in ("auc", "gauc", "log_loss", "DeepFM", "logistic regression", "hotness"))


def test_the_recall_model_beats_popularity(shop: Shop) -> None:
    for script in ("training/train_recall_dssm_pointwise.py", "training/train_recall_dssm_inbatch.py"):
        lines = shop.said[script].splitlines()
        place = next(line for line in lines if "recall_at_50" in line).split().index("recall_at_50")
        figures = {words[0]: float(words[1 + place]) for words in map(str.split, lines) if words and words[0] in ("DSSM", "popularity") and "0." in words[1]}
        assert figures["DSSM"] > figures["popularity"]


# --- Redis


def test_database_1_holds_a_list_for_every_user_and_database_0_nothing(shop: Shop) -> None:
    client, slots = shop.project.client(1), shop.feature_map()
    lists = set(client.keys("recall:*"))
    assert lists == {f"recall:{slots[f'uid={uid}']}" for uid in (*shop.truth.active, *shop.truth.cold)}
    assert {client.type(key) for key in lists} == {"zset"}
    assert shop.project.client(0).dbsize() == 0


def test_a_list_is_a_hundred_raw_ids_with_integer_scores_that_count_down(shop: Shop) -> None:
    client = shop.project.client(1)
    for key in client.keys("recall:*"):
        members = client.zrevrange(key, 0, -1, withscores=True)
        assert [score for _, score in members] == list(range(100, 0, -1))
        assert {iid for iid, _ in members} <= set(shop.truth.items)


def test_global_hot_is_every_item_with_its_global_score(shop: Shop) -> None:
    hot = dict(shop.project.client(1).zrange("global_hot", 0, -1, withscores=True))
    scores = {row["iid"]: float(row["global_score"]) for row in shop.table("item_global_score.csv")}
    assert hot == pytest.approx(scores, rel=1e-5)


def test_a_list_turns_to_the_hottest_after_every_four_of_the_users_own_from_the_51st_on(shop: Shop) -> None:
    answer = shop.api.ok(f"/recall/{path(shop.truth.active[0])}?top_k=100")
    places = range(54, 100, 5)
    assert [answer["sources"][place] for place in places] == ["hot"] * 10
    assert set(answer["sources"]) <= {"dssm", "hot", "i2i", "again", "fresh", "taste"}
    assert "dssm" in answer["sources"][:50]
    hottest = shop.project.client(1).zrevrange("global_hot", 0, -1)
    rank = [hottest.index(answer["items"][place]) for place in places]
    assert rank == sorted(rank)
    lost = set(hottest[: rank[-1]]) - set(answer["items"])
    assert len(lost) <= answer["sources"].count("taste") + answer["sources"].count("fresh"), "of what is hotter, only their places' own items are not listed"


# --- API


def test_health_as_in_the_contract(shop: Shop) -> None:
    status, body = shop.api.get("/health")
    assert status == 200
    assert (body["redis"], body["rank_service"]) == ("ok", "ok")


def test_recall_as_in_the_contract(shop: Shop) -> None:
    uid = shop.truth.active[3]
    body = shop.api.ok(f"/recall/{path(uid)}?top_k=50")
    assert list(body)[:5] == ["uid", "stage", "count", "is_cold_start", "items"]
    assert (body["uid"], body["stage"], body["count"], body["is_cold_start"]) == (uid, "recall", 50, False)
    assert body["items"] == shop.project.client(1).zrevrange(f"recall:{shop.feature_map()[f'uid={uid}']}", 0, 49)
    assert shop.api.ok(f"/recall/{path(uid)}")["count"] == 50


def test_recommend_as_in_the_contract(shop: Shop) -> None:
    uid = shop.truth.active[3]
    body = shop.api.ok(f"/recommend/{path(uid)}?top_k=7")
    assert list(body)[:4] == ["uid", "stage", "is_cold_start", "items"]
    assert (body["uid"], body["stage"], body["is_cold_start"]) == (uid, "rank", False)
    assert all(list(item)[:2] == ["id", "score"] for item in body["items"])
    scores = [item["score"] for item in body["items"]]
    assert len(scores) == 7
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)
    assert len(shop.api.ids(f"/recommend/{path(uid)}")) == 10


def test_users_are_shown_the_kind_they_like(shop: Shop) -> None:
    assert mean_share_liked(shop, shop.truth.active) > 0.9
    assert mean_share_liked(shop, shop.truth.cold) > 0.8


def mean_share_liked(shop: Shop, uids: tuple[str, ...]) -> float:
    return float(np.mean([shop.truth.share_liked(uid, shop.api.ids(f"/recommend/{path(uid)}?top_k=10")) for uid in uids]))


def test_a_user_without_a_row_in_the_log_has_a_list_and_is_not_cold(shop: Shop) -> None:
    body = shop.api.ok(f"/recommend/{path(shop.truth.cold[0])}")
    assert not body["is_cold_start"]
    assert body["degraded"] == []


def test_the_user_of_slot_1_is_a_user_like_any_other(shop: Shop) -> None:
    first = next(name for name, slot in shop.feature_map().items() if slot == 1)
    assert first.startswith("uid=")
    uid = first.removeprefix("uid=")
    assert not shop.api.ok(f"/recommend/{path(uid)}")["is_cold_start"]
    assert shop.api.ids(f"/recall/{path(uid)}?top_k=100") == shop.project.client(1).zrevrange("recall:1", 0, -1)


def test_a_stranger_gets_the_hot_list_ranked_and_is_cold(shop: Shop) -> None:
    hottest = shop.project.client(1).zrevrange("global_hot", 0, 99)
    assert shop.api.ok("/recommend/nobody")["is_cold_start"]
    assert shop.api.ids("/recall/nobody?top_k=100") == hottest
    ranked = shop.api.ok("/recommend/nobody?top_k=100")["items"]
    assert {item["id"] for item in ranked} == set(hottest)
    assert [item["score"] for item in ranked] == sorted((item["score"] for item in ranked), reverse=True)


def test_a_guest_is_shown_what_people_of_these_tags_like(shop: Shop) -> None:
    for uid, taste, _ in shop.raw("user_feature.dat")[:3]:
        body = shop.api.ok(f"/recommend/a-guest?utag1={path(taste)}")
        assert body["is_cold_start"]
        assert {item["source"] for item in body["items"]} == {"tags"}
        assert shop.truth.share_liked(uid, [item["id"] for item in body["items"]]) > 0.8


@pytest.mark.parametrize("stage", ["recall", "recommend"])
@pytest.mark.parametrize("who", ["known", "stranger", "guest"])
def test_pages_go_on_without_repeats(stage: str, who: str, shop: Shop) -> None:
    uid, more = {"known": (path(shop.truth.active[5]), ""), "stranger": ("nobody", ""), "guest": ("nobody", f"&utag1={shop.raw('user_feature.dat')[0][1]}")}[
        who
    ]
    whole = shop.api.ids(f"/{stage}/{uid}?top_k=100{more}")
    pages = [iid for offset in range(0, 100, 25) for iid in shop.api.ids(f"/{stage}/{uid}?top_k=25&offset={offset}{more}")]
    assert pages == whole
    assert len(set(pages)) == 100


def test_what_cannot_be_asked_is_answered_with_an_error(shop: Shop) -> None:
    for question, expected in (("/recommend/u?top_k=ten", 400), ("/recall/u?top_k=501", 400), ("/nothing", 404)):
        status, body = shop.api.get(question)
        assert status == expected
        assert set(body["error"]) == {"code", "message"}


def test_the_log_reads_like_the_contracts(shop: Shop) -> None:
    log = (shop.project.folder / "api.log").read_text()
    places = [log.index(line) for line in ("DeepFM model loaded", "RankService initialized", f"Flask app listening on http://127.0.0.1:{shop.api.port}")]
    assert places == sorted(places)


def test_nothing_is_written_outside_data_and_the_models_folder(shop: Shop) -> None:
    assert {entry.name for entry in shop.project.folder.iterdir()} == {"data", "src", "homefeed.toml", "api.log"}
    assert [str(entry.relative_to(shop.project.folder)) for entry in (shop.project.folder / "src").rglob("*") if entry.is_dir()] == [
        str(Path("src/models")),
        str(Path("src/models/saved")),
    ]
