from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from planted_dataset import dataset, taste_shop

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.core.errors import ArtifactError
from homefeed.evaluation.baselines import HOTNESS, POPULARITY, RANDOM
from homefeed.evaluation.evaluate import DEEPFM, DSSM, FEED, UNRANKED, evaluate
from homefeed.evaluation.protocol import Protocol, protocol_of
from homefeed.evaluation.report import EvaluationReport, Segment, StageReport
from homefeed.metrics.classification import auc, gauc, log_loss

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Ranked = npt.NDArray[np.int32]


def perfect_lists(protocol: Protocol, k: int = 100) -> Ranked:
    lists = np.zeros((len(protocol), k), np.int32)
    for u in range(len(protocol)):
        mine = protocol.relevant.items[protocol.relevant.offsets[u] : protocol.relevant.offsets[u + 1]]
        lists[u, : len(mine)] = mine
    return lists


def segment(stage: StageReport, name: str) -> Segment:
    return next(s for s in stage.segments if s.name == name)


@pytest.fixture(scope="module")
def shop() -> tuple[ProcessedDataset, npt.NDArray[np.bool_]]:
    return taste_shop()


@pytest.fixture(scope="module")
def report(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]]) -> EvaluationReport:
    data, likes = shop
    lists = perfect_lists(protocol_of(data))
    p_click = np.where(likes[data.test.user, data.test.item], 0.95, 0.05).astype(np.float32)
    return evaluate(data, lists, p_click, lists[:, :10], np.random.default_rng(0), NOW)


def test_perfect_lists_get_every_point_in_every_segment(report: EvaluationReport) -> None:
    for part in report.recall.segments:
        assert part.figures[DSSM]["recall_at_50"].value == 1
    for part in report.slate.segments:
        assert part.figures[FEED]["ndcg_at_10"].value == pytest.approx(1)
        assert part.figures[FEED]["hit_rate_at_10"].value == 1
        assert part.figures[UNRANKED]["mrr_at_10"].value == 1


def test_random_lists_find_about_their_share_of_the_catalogue(report: EvaluationReport) -> None:
    for name, tolerance in (("all", 0.05), ("warm", 0.05), ("cold", 0.1)):
        random = segment(report.recall, name).figures[RANDOM]
        assert random["recall_at_50"].value == pytest.approx(50 / 200, abs=tolerance)
        assert random["recall_at_100"].value == pytest.approx(100 / 200, abs=tolerance)


def test_warm_and_cold_users_are_parted_by_their_train_rows(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]], report: EvaluationReport) -> None:
    data, _ = shop
    users = protocol_of(data).users
    warm, cold = segment(report.slate, "warm"), segment(report.slate, "cold")
    assert warm.users == (users <= 1600).sum()
    assert cold.users == (users > 1600).sum() > 0
    assert segment(report.slate, "all").clicks == warm.clicks + cold.clicks


def test_intervals_hold_their_figure_and_differences_are_paired(report: EvaluationReport) -> None:
    everybody = segment(report.slate, "all")
    ours, hotness, ahead = everybody.figures[FEED]["recall_at_10"], everybody.figures[HOTNESS]["recall_at_10"], everybody.ahead[HOTNESS]["recall_at_10"]
    assert hotness.low < hotness.value < hotness.high
    assert ahead.value == pytest.approx(ours.value - hotness.value)
    assert ahead.low > 0


def test_rank_figures_are_those_of_the_metrics(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]], report: EvaluationReport) -> None:
    test = shop[0].test
    figures = segment(report.rank, "all").figures
    assert figures[DEEPFM]["auc"].value == 1
    assert figures[DEEPFM]["calibration_error"].value == pytest.approx(0.05, abs=1e-6)
    assert figures[HOTNESS]["auc"].value == pytest.approx(auc(test.label, test.hotness))
    assert figures[HOTNESS]["gauc"].value == pytest.approx(gauc(test.user, test.label, test.hotness))
    assert figures[RANDOM]["gauc"].value == 0.5
    assert figures[RANDOM]["log_loss"].value == pytest.approx(log_loss(test.label, np.full(len(test), shop[0].train.label.mean())))
    assert figures[POPULARITY]["log_loss"].value is not None


def test_rank_rows_are_parted_by_the_warmth_of_their_user(report: EvaluationReport) -> None:
    warm, cold = segment(report.rank, "warm"), segment(report.rank, "cold")
    assert warm.users <= 1600
    assert cold.users == pytest.approx(400, abs=10)
    assert warm.clicks + cold.clicks == segment(report.rank, "all").clicks


def test_same_seed_gives_the_same_report(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]], report: EvaluationReport) -> None:
    data, likes = shop
    lists = perfect_lists(protocol_of(data))
    p_click = np.where(likes[data.test.user, data.test.item], 0.95, 0.05).astype(np.float32)
    assert evaluate(data, lists, p_click, lists[:, :10], np.random.default_rng(0), NOW) == report


def test_report_comes_back_from_json(report: EvaluationReport) -> None:
    assert EvaluationReport.from_json(report.to_json()) == report


def test_a_shop_without_cold_users_has_an_empty_segment() -> None:
    data = dataset(3, 20, [(u, 1, u % 2) for u in (1, 2, 3)], [(u, 5, 1) for u in (1, 2, 3)] + [(1, 6, 0)])
    report = evaluate(data, perfect_lists(protocol_of(data)), np.full(4, 0.5, np.float32), np.full((3, 10), 5, np.int32), np.random.default_rng(0), NOW)
    assert segment(report.slate, "cold") == Segment("cold", 0, 0, {}, {})
    assert segment(report.slate, "warm") == replace(segment(report.slate, "all"), name="warm")


def test_a_log_of_clicks_alone_says_nothing_of_ranking_and_all_of_recall() -> None:
    data = dataset(3, 20, [(u, u, 1) for u in (1, 2)], [(u, 5, 1) for u in (1, 2, 3)])
    report = evaluate(data, perfect_lists(protocol_of(data)), np.full(3, 0.5, np.float32), np.full((3, 10), 5, np.int32), np.random.default_rng(0), NOW)
    figures = segment(report.rank, "all").figures
    assert figures[DEEPFM]["auc"].value is None
    assert figures[HOTNESS]["log_loss"].value is None
    assert segment(report.recall, "all").figures[DSSM]["recall_at_10"].value == 1
    assert EvaluationReport.from_json(report.to_json()) == report


def test_nobody_who_clicks_is_a_mistake_with_a_next_step() -> None:
    data = dataset(2, 5, [(1, 1, 1)], [(2, 2, 0)])
    with pytest.raises(ArtifactError, match="test_fraction"):
        evaluate(data, np.zeros((0, 10), np.int32), np.zeros(1, np.float32), np.zeros((0, 10), np.int32), np.random.default_rng(0), NOW)


def test_lists_of_other_users_are_refused() -> None:
    data = dataset(2, 5, [(1, 1, 1)], [(2, 2, 1)])
    with pytest.raises(ValueError, match=r"expected \(1, 1, 1\)"):
        evaluate(data, np.zeros((2, 10), np.int32), np.zeros(1, np.float32), np.zeros((2, 10), np.int32), np.random.default_rng(0), NOW)
