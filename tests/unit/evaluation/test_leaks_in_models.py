"""Models that have learned from the test side, by whichever way; the reported ones have not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from leaky_shop import only, with_number
from processed_shop import processed_shop

from homefeed.artifacts.checkpoint import Checkpoint
from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.config import RankConfig, TrainConfig
from homefeed.core.progress import Silent
from homefeed.evaluation.leaks.checkpoints import look_at_checkpoint
from homefeed.evaluation.leaks.learned import look_at_model
from homefeed.evaluation.leaks.shuffled import SHUFFLES, look_at_shuffled_labels
from homefeed.features.encoder import NumberScale
from homefeed.training.rank_deepfm import predict, train_rank
from homefeed.training.three_fits import Fitted

QUICK = RankConfig(embedding_dim=4, hidden=(8,), max_epochs=1, batch_size=256)
NAME = "deepfm.report"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    """A user and their rows come after the split alone; items have a price."""
    shop = processed_shop(tmp_path_factory.mktemp("data"))
    shop = replace(shop, train=shop.train.take(shop.train.user != 5))
    return with_number(shop, "item", "price", np.arange(len(shop.items) - 1.0))


@pytest.fixture(scope="module")
def fitted(shop: ProcessedDataset) -> Fitted:
    return train_rank(shop, QUICK, TrainConfig(min_count=1), refit=True, progress=Silent())


@pytest.fixture(scope="module")
def names(shop: ProcessedDataset) -> list[str]:
    return [f"slot={n}" for n in range(shop.map_size + 1)]


def nothing() -> Mapping[str, float]:
    return {}


def test_the_reported_model_knows_nothing_but_train_rows(shop: ProcessedDataset, fitted: Fitted, names: list[str]) -> None:
    assert look_at_model(shop, NAME, fitted.reported, names).leaks == ()
    assert look_at_checkpoint(shop, NAME, fitted.reported, fitted.served, nothing).leaks == ()


def test_a_model_that_was_fitted_on_all_rows_and_says_train_is_found_by_what_it_knows(shop: ProcessedDataset, fitted: Fitted, names: list[str]) -> None:
    pretends = replace(fitted.reported, model=fitted.served.model)
    leaks = look_at_model(shop, NAME, pretends, names).leaks
    assert [leak.where for leak in leaks] == ["vocabulary of deepfm.report.pth", "hotness_mean and hotness_std of deepfm.report.pth"]
    assert leaks[0].count == 1
    assert leaks[0].example == f"slot={shop.users.slots[5, 0]} (slot {shop.users.slots[5, 0]}): 0 train rows"
    copied = only(look_at_checkpoint(shop, NAME, pretends, fitted.served, nothing))
    assert "those of the served one" in copied.what


def test_an_id_with_fewer_train_rows_than_min_count_gives_the_vocabulary_away(shop: ProcessedDataset, fitted: Fitted, names: list[str]) -> None:
    model = replace(fitted.reported.model, config=dict(fitted.reported.model.config) | {"min_count": 1_000})
    leak = look_at_model(shop, NAME, replace(fitted.reported, model=model), names).leaks[0]
    assert "fewer than 1000 train rows" in leak.what


def test_a_scale_of_numbers_from_items_of_the_test_side_is_named(shop: ProcessedDataset, fitted: Fitted, names: list[str]) -> None:
    early = replace(shop, train=shop.train.take(shop.train.item <= len(shop.items) // 2))
    of_all = replace(fitted.reported.model, item_scale=NumberScale.fit(shop.items.numbers[1:]))
    leaks = look_at_model(early, NAME, replace(fitted.reported, model=of_all), names).leaks
    assert "item_scale of deepfm.report.pth" in [leak.where for leak in leaks]
    assert "user_scale of deepfm.report.pth" not in [leak.where for leak in leaks]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rows_seen": "all"}, "test rows were learned"),
        ({"split_id": "another"}, "may have been on the train side"),
        ({"fitted_until_us": 2**60}, "before the moment until which"),
    ],
)
def test_a_checkpoint_that_says_it_has_seen_the_test_side_is_named_and_not_measured(
    changes: dict[str, object], what: str, shop: ProcessedDataset, fitted: Fitted
) -> None:
    def never() -> Mapping[str, float]:
        raise AssertionError("measured")

    leak = only(look_at_checkpoint(shop, NAME, replace(fitted.reported, **changes), None, never))
    assert what in leak.what
    assert leak.next_step == "Train again: homefeed train rank"


def test_figures_of_another_model_are_named_and_its_own_are_not(shop: ProcessedDataset, fitted: Fitted) -> None:
    kept: Checkpoint = replace(fitted.reported, metrics={"auc": 0.8, "epochs": 1.0})
    assert look_at_checkpoint(shop, NAME, kept, None, lambda: {"auc": 0.8001}).leaks == ()
    leak = only(look_at_checkpoint(shop, NAME, kept, None, lambda: {"auc": 0.7}))
    assert leak.example == "auc: kept 0.8000, measured now 0.7000"


def fit(dataset: ProcessedDataset, seed: int) -> npt.NDArray[np.float32]:
    reported = train_rank(dataset, QUICK, TrainConfig(seed=seed), refit=False, progress=Silent()).reported
    return predict(reported.model, dataset, dataset.test)


def fit_that_sees_the_test_side(dataset: ProcessedDataset, seed: int) -> npt.NDArray[np.float32]:
    everything = replace(dataset, train=Interactions.concatenate([dataset.train, *[dataset.test] * 5]))
    longer = QUICK.model_copy(update={"max_epochs": 3, "learning_rate": 0.05})
    reported = train_rank(everything, longer, TrainConfig(seed=seed), refit=False, progress=Silent()).reported
    return predict(reported.model, dataset, dataset.test)


def test_shuffled_labels_teach_an_honest_trainer_nothing(shop: ProcessedDataset) -> None:
    look = look_at_shuffled_labels(shop, fit, np.random.default_rng(0), Silent())
    assert (look.leaks, look.left_out) == ((), "")


def test_a_trainer_that_reaches_test_labels_scores_above_chance_on_shuffled_ones(shop: ProcessedDataset) -> None:
    leak = only(look_at_shuffled_labels(shop, fit_that_sees_the_test_side, np.random.default_rng(0), Silent()))
    assert leak.count == SHUFFLES
    assert "though their labels were shuffled" in leak.what


def test_a_score_that_follows_hotness_in_either_direction_is_no_leak(shop: ProcessedDataset) -> None:
    """What honest fits on noise look like where hotness tells much: half of them for it, half against it."""

    def follows(dataset: ProcessedDataset, seed: int) -> npt.NDArray[np.float32]:
        return dataset.test.label * (1 if seed % 2 else -1) + np.random.default_rng(seed).random(len(dataset.test)).astype(np.float32)

    assert look_at_shuffled_labels(shop, follows, np.random.default_rng(0), Silent()).leaks == ()
