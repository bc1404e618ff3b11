"""A shop with columns of its own (several values, numbers, kinds of event, sold-out items): the whole path, and training equal to serving."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from shop_project import QUICK_TRAINING, Api, Project, server_with_a_port

from homefeed.artifacts.bundle import Bundle
from homefeed.artifacts.bundle_reader import read_bundle
from homefeed.artifacts.checkpoint import read_checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset, read_dataset
from homefeed.features.encoder import encode
from homefeed.models import vectors
from homefeed.models.tower import user_vector
from homefeed.recall.moment import channels_of
from homefeed.serving.guests import one_user
from homefeed.serving.rank_service import RankService
from homefeed.training.rank_deepfm import predict

USERS, ITEMS, KINDS = 90, 60, 3
SOLD_OUT = (4, 17, 40)
CONFIG = (
    """
[schema]
log = ["event"]
user = { age = "number", segment = "category", likes = { kind = "multi", separator = "/" } }
item = { topics = "multi", price = "number", shelf = "category", available = "category" }
[events]
view = 0
click = 1
buy = 5
[train]
min_count = 2
"""
    + QUICK_TRAINING
)


@dataclass(frozen=True, slots=True)
class Shop:
    project: Project
    dataset: ProcessedDataset
    bundle: Bundle
    api: Api


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "homefeed.toml").write_text(CONFIG)
    with server_with_a_port(tmp_path_factory.mktemp("server")) as port:
        project = Project(folder, port)
        write_files(project.raw)
        project.inside("run", *project.address)
        bundle = read_bundle(next((folder / "data" / "releases").glob("*/release.json")).parent)
        with project.api() as api:
            yield Shop(project, read_dataset(project.processed), bundle, api)


def write_files(raw: Path) -> None:
    """Each user likes the items of one topic, and says so among ``likes``; dear and cheap items, old and young users mean nothing."""
    rng = np.random.default_rng(3)
    raw.mkdir(parents=True)
    topics = [f"t{n % KINDS}|{'new' if n % 2 else 'old'}" for n in range(ITEMS)]
    items = [f"i{n}\t{topics[n]}\t{rng.gamma(2, 9):.2f}\tshelf {n % 5}\t{int(n not in SOLD_OUT)}" for n in range(ITEMS)]
    users = [f"u{n}\t{'' if n % 7 == 0 else rng.integers(18, 80)}\tseg{n % 2}\tt{n % KINDS}/x{n % 4}" for n in range(USERS)]
    users += ["quiet\t33\tseg0\tt1/x0"]
    (raw / "item_feature.dat").write_text("\n".join(items) + "\n")
    (raw / "user_feature.dat").write_text("\n".join(users) + "\n")
    with (raw / "shop.dat").open("w") as log:
        for ts in range(1_700_000_000, 1_700_000_000 + 6000 * 60, 60):
            user, item = int(rng.integers(USERS)), int(rng.integers(ITEMS))
            clicked = rng.random() < (0.6 if user % KINDS == item % KINDS else 0.03)
            event = rng.choice(["click", "buy"]) if clicked else "view"
            log.write(f"{ts}\tu{user}\ti{item}\t{int(clicked)}\t{event}\n")


def test_kinds_of_event_become_weights_in_training_and_labels_everywhere(shop: Shop) -> None:
    rows = Interactions.concatenate([shop.dataset.train, shop.dataset.test])
    assert set(np.unique(rows.weight)) == {1.0, 5.0}
    assert set(rows.label[rows.weight == 5]) == {1.0}


def test_the_csv_files_have_the_schemas_columns(shop: Shop) -> None:
    header = (shop.project.processed / "train.csv").read_text().splitlines()[0]
    assert header == "ts,uid,age,segment,likes,iid,topics,price,shelf,label"


def test_a_column_of_several_values_is_a_bag_of_its_values(shop: Shop) -> None:
    items = shop.dataset.items
    assert items.bags["topics"].shape == (ITEMS + 1, 2)
    assert len(np.unique(items.bags["topics"][1:])) == KINDS + 2
    assert list(shop.dataset.users.bags) == ["likes"]


def test_the_folded_scorer_gives_what_the_torch_model_gives(shop: Shop) -> None:
    rank = read_checkpoint(shop.project.models, "deepfm", shop.dataset.meta).model
    service = RankService(shop.bundle)
    items = np.arange(1, ITEMS + 1, dtype=np.int32)
    for user in (0, 1, 8, USERS + 1):
        n = len(items)
        rows = Interactions(
            np.zeros(n, np.int64), np.full(n, user, np.int32), items, np.zeros(n, np.float32), np.ones(n, np.float32), shop.bundle.hotness[items],
            np.zeros(n, np.bool_),
        )  # fmt: skip
        np.testing.assert_allclose(service.score(items, user), predict(rank, shop.dataset, rows), atol=1e-5)


def test_the_towers_of_the_api_are_those_that_were_trained(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "half_is_fast", lambda: False)
    bundle, weights, dataset = shop.bundle, shop.bundle.recall, shop.dataset
    assert weights is not None
    trained = channels_of(dataset, read_checkpoint(shop.project.models, "dssm_pointwise", dataset.meta), np.arange(USERS + 2))
    np.testing.assert_allclose(bundle.item_vectors, trained.items.numpy(), atol=1e-5)
    assert len(bundle.lately.item) > 0
    for row in range(USERS + 2):
        user = encode(one_user(bundle.users, row), weights.vocabulary, weights.user_scale, 0)
        np.testing.assert_allclose(user_vector(weights, user, bundle.lately.of(row), bundle.item_vectors), trained.users[row].numpy(), atol=1e-4)


def test_scores_over_http_are_the_models(shop: Shop) -> None:
    service = RankService(shop.bundle)
    recalled, answer = shop.api.ids("/recall/u5?top_k=100"), shop.api.ok("/recommend/u5?top_k=100")["items"]
    p_click = service.score(service.item_rows([iid.encode() for iid in recalled]), service.user_row("u5"))
    expected = dict(zip(recalled, zip(p_click, service.value(p_click), strict=True), strict=True))
    assert sorted(recalled) == sorted(item["id"] for item in answer)
    for item in answer:
        np.testing.assert_allclose((item["p_click"], item["score"]), expected[item["id"]], atol=1e-6)
    scores = [item["score"] for item in answer]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("question", ["u5?", "quiet?", "stranger?", "stranger?likes=t2&", "stranger?likes=t0|x1&segment=seg1&"])
def test_sold_out_items_are_off_every_path(question: str, shop: Shop) -> None:
    sold_out = {f"i{n}" for n in SOLD_OUT}
    for stage in ("recall", "recommend"):
        shown = shop.api.ids(f"/{stage}/{question}top_k=100")
        assert len(shown) == ITEMS - len(SOLD_OUT)
        assert sold_out.isdisjoint(shown)
    client = shop.project.client()
    for key in (b"recall:1", b"global_hot"):
        assert sold_out.isdisjoint(client.zrange(key, 0, -1))


def test_a_guest_may_join_values_as_the_users_file_does(shop: Shop) -> None:
    assert shop.api.ids("/recall/somebody?likes=t0/x1") == shop.api.ids("/recall/somebody?likes=t0|x1")
    assert shop.api.ids("/recall/somebody?likes=t0/x1") != shop.api.ids("/recall/somebody?likes=t0")


def test_users_are_shown_the_topic_they_like(shop: Shop) -> None:
    assert np.mean([share(shop.api.ids(f"/recommend/u{n}"), n % KINDS) for n in range(USERS)]) > 0.9
    assert share(shop.api.ids("/recommend/quiet"), 1) > 0.7
    assert share(shop.api.ids("/recommend/somebody?likes=t2"), 2) > 0.7


def share(ids: list[str], topic: int) -> float:
    return sum(int(iid.removeprefix("i")) % KINDS == topic for iid in ids) / len(ids)
