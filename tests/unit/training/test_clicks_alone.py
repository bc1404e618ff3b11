"""A planted shop that keeps its clicks alone, with and without drawn negatives: who learns from them, and who must not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.processed import Interactions, ProcessedDataset
from homefeed.bootstrap.measure import measure_rank
from homefeed.config import RankConfig, RecallConfig, SplitKind, TrainConfig
from homefeed.core.progress import Silent
from homefeed.metrics.classification import auc
from homefeed.training.rank_deepfm import predict, train_rank
from homefeed.training.recall_dssm import Objective, train_recall
from homefeed.training.three_fits import Fitted, validation_split, without_contradictions

RECALL = RecallConfig(output_dim=8, max_events=20, max_epochs=2, batch_events=500, negatives=64)
RANK = RankConfig(embedding_dim=8, hidden=(16, 8), max_epochs=8, batch_size=128, learning_rate=0.005)


class Lines(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> ProcessedDataset:
    return processed_shop(tmp_path_factory.mktemp("data"), clicks_alone=True, etl={"sample_negatives": 4})


@pytest.fixture(scope="module")
def ranker(drawn: ProcessedDataset) -> Fitted:
    return train_rank(drawn, RANK, TrainConfig(), refit=False, progress=Silent())


def test_the_ranker_learns_the_taste_that_hotness_cannot_know(drawn: ProcessedDataset, ranker: Fitted) -> None:
    test = drawn.test
    assert auc(test.label, predict(ranker.reported.model, drawn, test)) > 0.8
    assert auc(test.label, test.hotness) < 0.65


def test_an_id_that_was_only_drawn_stays_unknown_to_the_ranker(drawn: ProcessedDataset) -> None:
    logged = drawn.train.of_the_log()
    rare = np.bincount(logged.item, minlength=len(drawn.items)) < 20
    often_drawn = np.bincount(drawn.train.item[drawn.train.drawn], minlength=len(drawn.items)) >= 20
    model = train_rank(drawn, RANK.model_copy(update={"max_epochs": 1}), TrainConfig(min_count=20), refit=False, progress=Silent()).reported.model
    slots = drawn.items.slots[rare & often_drawn, 0]
    assert len(slots) > 0
    assert not model.vocabulary.row[slots].any()


def test_its_figures_say_what_they_are_against_and_that_they_are_no_click_rate(drawn: ProcessedDataset, ranker: Fitted) -> None:
    said = Lines()
    figures = measure_rank(drawn, ranker.reported, said)
    assert {name.removesuffix("_against_drawn_negatives") for name in figures} == {"auc", "gauc", "log_loss", "calibration_error"}
    assert all(name.endswith("_against_drawn_negatives") for name in figures)
    clicks, negatives = int((~drawn.test.drawn).sum()), int(drawn.test.drawn.sum())
    assert said.lines[0].startswith(f"test side, {clicks:,} clicks against {negatives:,} drawn negatives, not a click rate")


@pytest.mark.parametrize("objective", ["pointwise", "inbatch"])
def test_the_towers_are_the_same_whatever_was_drawn(objective: Objective, drawn: ProcessedDataset) -> None:
    alone = replace(drawn, train=drawn.train.of_the_log(), test=drawn.test.of_the_log())
    one, other = (train_recall(data, objective, RECALL, TrainConfig(), refit=True, progress=Silent()).served.model.flat() for data in (alone, drawn))
    assert all(np.array_equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize("kind", ["global", "per-user"])
def test_a_drawn_row_stays_with_its_click_when_train_rows_are_parted_for_validation(kind: SplitKind, tmp_path: Path) -> None:
    parts = []
    for negatives in (1, 3):
        data = processed_shop(tmp_path, clicks_alone=True, etl={"sample_negatives": negatives, "split": kind})
        parts.append(validation_split(data, 0.25))
    for one, other in zip(*parts, strict=True):
        assert np.array_equal(one.of_the_log().ts_us, other.of_the_log().ts_us)
        assert all(set(visits(rows.take(rows.drawn))) <= set(visits(rows.of_the_log())) for rows in (one, other))


def test_what_learns_from_everything_learns_no_drawn_row_of_what_its_user_clicks(drawn: ProcessedDataset) -> None:
    everything = Interactions.concatenate([drawn.train, drawn.test])
    clicked = set(pairs(everything.take(everything.label > 0)))
    assert clicked & set(pairs(drawn.train.take(drawn.train.drawn))), "the train side must not know what is clicked on the test side"
    consistent = without_contradictions(everything)
    assert not clicked & set(pairs(consistent.take(consistent.drawn)))
    assert len(consistent.of_the_log()) == len(everything.of_the_log())


def visits(rows: Interactions) -> list[tuple[int, int]]:
    return list(zip(rows.ts_us.tolist(), rows.user.tolist(), strict=True))


def pairs(rows: Interactions) -> list[tuple[int, int]]:
    return list(zip(rows.user.tolist(), rows.item.tolist(), strict=True))
