from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from planted_dataset import dataset, taste_shop

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Silent
from homefeed.evaluation.baselines import HOTNESS, POPULARITY, RANDOM, BaselineNote, BaselineResults, run_baselines
from homefeed.evaluation.evaluate import DEEPFM, DSSM, FEED, UNRANKED, Ours, evaluate
from homefeed.evaluation.protocol import Protocol, protocol_of
from homefeed.evaluation.report import EvaluationReport, Segment, StageReport
from homefeed.evaluation.served import ServedSlates
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
    return stage.segment(name)


def slates(lists: Ranked) -> ServedSlates:
    """Ten places each, odd places from one source and even ones from another."""
    return ServedSlates(lists[:, :10], np.tile(np.array([0, 1] * 5, np.uint8), (len(lists), 1))[:, : lists.shape[1]], ("tower", "fresh"))


def simple(data: ProcessedDataset) -> BaselineResults:
    return run_baselines((RANDOM, POPULARITY, HOTNESS), data, protocol_of(data), 100, 0, 60, Silent())


def measured(data: ProcessedDataset, lists: Ranked, p_click: npt.NDArray[np.float32], baselines: BaselineResults | None = None) -> EvaluationReport:
    return evaluate(data, Ours(lists, p_click, slates(lists)), baselines or simple(data), np.random.default_rng(0), NOW)


@pytest.fixture(scope="module")
def shop() -> tuple[ProcessedDataset, npt.NDArray[np.bool_]]:
    return taste_shop()


@pytest.fixture(scope="module")
def report(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]]) -> EvaluationReport:
    data, likes = shop
    p_click = np.where(likes[data.test.user, data.test.item], 0.95, 0.05).astype(np.float32)
    return measured(data, perfect_lists(protocol_of(data)), p_click)


def test_perfect_lists_get_every_point_in_every_segment(report: EvaluationReport) -> None:
    for part in (segment(report.recall, name) for name in ("all", "warm", "cold", "light")):
        assert part.figures[DSSM]["recall_at_50"].value == 1
    for part in (segment(report.slate, name) for name in ("all", "warm", "cold", "light")):
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
    assert figures[RANDOM]["gauc"].value == pytest.approx(0.5)
    assert figures[RANDOM]["log_loss"].value == pytest.approx(log_loss(test.label, np.full(len(test), shop[0].train.label.mean())))
    assert figures[POPULARITY]["log_loss"].value is not None


def test_rank_rows_are_parted_by_the_warmth_of_their_user(report: EvaluationReport) -> None:
    warm, cold = segment(report.rank, "warm"), segment(report.rank, "cold")
    assert warm.users <= 1600
    assert cold.users == pytest.approx(400, abs=10)
    assert warm.clicks + cold.clicks == segment(report.rank, "all").clicks


def test_same_seed_gives_the_same_report(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]], report: EvaluationReport) -> None:
    data, likes = shop
    p_click = np.where(likes[data.test.user, data.test.item], 0.95, 0.05).astype(np.float32)
    again = measured(data, perfect_lists(protocol_of(data)), p_click)
    assert replace(again, baselines=report.baselines) == report, "seconds apart"


def test_report_comes_back_from_json(report: EvaluationReport) -> None:
    assert EvaluationReport.from_json(report.to_json()) == report


def test_a_shop_without_cold_users_has_an_empty_segment() -> None:
    data = dataset(3, 20, [(u, 1, u % 2) for u in (1, 2, 3)], [(u, 5, 1) for u in (1, 2, 3)] + [(1, 6, 0)])
    report = measured(data, perfect_lists(protocol_of(data)), np.full(4, 0.5, np.float32))
    assert segment(report.slate, "cold") == Segment("cold", 0, 0, {}, {})
    assert segment(report.slate, "warm") == replace(segment(report.slate, "all"), name="warm")


def test_a_log_of_clicks_alone_says_nothing_of_ranking_and_all_of_recall() -> None:
    data = dataset(3, 20, [(u, u, 1) for u in (1, 2)], [(u, 5, 1) for u in (1, 2, 3)])
    report = measured(data, perfect_lists(protocol_of(data)), np.full(3, 0.5, np.float32))
    figures = segment(report.rank, "all").figures
    assert figures[DEEPFM]["auc"].value is None
    assert figures[HOTNESS]["log_loss"].value is None
    assert segment(report.recall, "all").figures[DSSM]["recall_at_10"].value == 1
    assert EvaluationReport.from_json(report.to_json()) == report


def test_nobody_who_clicks_is_a_mistake_with_a_next_step() -> None:
    data = dataset(2, 5, [(1, 1, 1)], [(2, 2, 0)])
    with pytest.raises(ArtifactError, match="test_fraction"):
        measured(data, np.zeros((0, 10), np.int32), np.zeros(1, np.float32), BaselineResults({}, {}, {}))


def test_lists_of_other_users_are_refused() -> None:
    data = dataset(2, 5, [(1, 1, 1)], [(2, 2, 1)])
    with pytest.raises(ValueError, match=r"expected \(1, 1, 1\)"):
        measured(data, np.zeros((2, 10), np.int32), np.zeros(1, np.float32))


def note(remark: str = "", *, finished: bool = True) -> BaselineNote:
    return BaselineNote(1.5, "best of three", remark, finished)


@pytest.fixture(scope="module")
def rivals(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]]) -> EvaluationReport:
    """Our lists are good, "better" is perfect, "alike" is ours itself, "absent" never ended."""
    data, likes = shop
    protocol = protocol_of(data)
    best = perfect_lists(protocol)
    ours = np.where(np.arange(100) % 2 == 0, best, 0).astype(np.int32)
    truth = np.where(likes[data.test.user, data.test.item], 0.95, 0.05)
    p_click = (0.5 * truth + 0.25 + 0.2 * np.random.default_rng(1).random(len(truth))).astype(np.float32)
    given = simple(data)
    extra = BaselineResults(
        given.lists | {"better": best, "alike": ours},
        {"sharp": truth.astype(np.float32), "alike too": p_click},
        given.notes
        | {"better": note(), "alike": note("on the 20,000 most clicked items"), "sharp": note(), "alike too": note(), "absent": note("no end", finished=False)},
    )
    return measured(data, ours, p_click, extra)


def test_each_baseline_gets_its_verdict_and_the_best_one_is_named(rivals: EvaluationReport) -> None:
    for stage in (rivals.recall, rivals.slate):
        everybody = segment(stage, "all")
        assert everybody.best == "better"
        verdicts = {name: row[stage.lead].verdict for name, row in everybody.ahead.items()}
        assert verdicts["better"] == "behind"
        assert verdicts["alike"] == "cannot be told"
        assert verdicts[HOTNESS] == verdicts[RANDOM] == "ahead"
        assert everybody.ahead["alike"][stage.lead].p == 1
        assert everybody.ahead["better"][stage.lead].p < 0.001


def test_our_own_recall_order_is_compared_but_never_the_best_baseline(report: EvaluationReport) -> None:
    everybody = segment(report.slate, "all")
    assert everybody.figures[UNRANKED] == everybody.figures[FEED]
    assert everybody.best in (RANDOM, POPULARITY, HOTNESS)
    assert UNRANKED in everybody.ahead


def test_lower_log_loss_is_better_and_calibration_error_has_no_paired_test(rivals: EvaluationReport) -> None:
    everybody = segment(rivals.rank, "all")
    assert everybody.best == "sharp"
    assert everybody.ahead["sharp"]["log_loss"].value > 0
    assert everybody.ahead["sharp"]["log_loss"].verdict == everybody.ahead["sharp"]["calibration_error"].verdict == "behind"
    assert everybody.ahead["alike too"]["gauc"].verdict == "cannot be told"
    assert everybody.ahead["sharp"]["calibration_error"].p is None


def test_a_baseline_that_did_not_end_is_named_and_has_no_figures(rivals: EvaluationReport) -> None:
    assert not rivals.baselines["absent"].finished
    assert "absent" not in segment(rivals.recall, "all").figures
    assert EvaluationReport.from_json(rivals.to_json()) == rivals


def test_without_baselines_ours_stands_alone(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]]) -> None:
    data, _ = shop
    alone = measured(data, perfect_lists(protocol_of(data)), np.full(len(data.test), 0.1, np.float32), BaselineResults({}, {}, {}))
    assert segment(alone.recall, "all").best is None
    assert segment(alone.recall, "all").ahead == segment(alone.rank, "all").ahead == {}
    assert list(segment(alone.slate, "all").figures) == [FEED, UNRANKED]


def test_active_and_light_users_part_the_warm_ones(report: EvaluationReport) -> None:
    users = {name: segment(report.slate, name).users for name in ("warm", "active", "light")}
    assert users["active"] + users["light"] == users["warm"]


def test_recall_of_a_group_of_items_counts_only_items_of_the_group() -> None:
    """Item 1 is hot, 2 middling, 5 new. User 1 clicks all of them later and is listed 5 and 1; user 2 clicks 2 and is listed 5."""
    train = [(3, 1, 1)] * 20 + [(3, 2, 1)] * 6
    data = dataset(3, 6, train, [(1, 1, 1), (1, 2, 1), (1, 5, 1), (2, 2, 1), (2, 3, 0)])
    lists = np.zeros((2, 10), np.int32)
    lists[0, :2], lists[1, 0] = (5, 1), 5
    groups = {s.name: s for s in measured(data, lists, np.full(5, 0.5, np.float32)).recall.item_segments}
    assert {name: (s.users, s.clicks) for name, s in groups.items()} == {"new": (1, 1), "mid": (2, 2), "hot": (1, 1)}
    assert {name: s.figures[DSSM]["recall_at_10"].value for name, s in groups.items()} == {"new": 1, "mid": 0, "hot": 1}
    assert groups["new"].figures[DSSM]["share_of_places_at_10"].value == pytest.approx(2 / 3)
    assert groups["hot"].figures[DSSM]["share_of_places_at_10"].value == pytest.approx(1 / 3)


def test_variety_is_measured_by_train_clicks_and_tags() -> None:
    data = dataset(2, 4, [(2, 1, 1)] * 5 + [(2, 2, 1)], [(1, 3, 1), (2, 4, 1)], seen="keep")
    tagged = replace(data.items, slots=np.array([[0, 0], [1, 11], [2, 11], [3, 12], [4, 0]], np.int32))
    lists = np.array([[1, 2, 3], [3, 0, 0]], np.int32)
    figures = segment(measured(replace(data, items=tagged), lists, np.full(2, 0.5, np.float32)).recall, "all").figures[DSSM]
    surprise = np.log2(10 / np.array([6, 2, 1, 1]))
    assert figures["novelty_at_10"].value == pytest.approx((surprise[:3].mean() + surprise[2]) / 2)
    assert figures["diversity_at_10"].value == pytest.approx(2 / 3)
    assert figures["coverage_at_10"].value == 3 / 4
    assert figures["gini_at_10"].value == pytest.approx(2 * (2 + 3 + 4 * 2) / (4 * 4) - 5 / 4)


def test_sources_share_the_places_and_the_hits(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]], report: EvaluationReport) -> None:
    first, second = report.slate.sources
    assert first.source == "tower"
    assert first.places + second.places == first.hits + second.hits == pytest.approx(1)
    assert first.hit_rate == second.hit_rate == 1


def test_probabilities_that_are_right_pass_as_calibrated_and_others_do_not(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]]) -> None:
    data, _ = shop
    rng = np.random.default_rng(2)
    p = rng.uniform(0.05, 0.4, len(data.test)).astype(np.float32)
    fair = replace(data, test=replace(data.test, label=(rng.random(len(p)) < p).astype(np.float32)))
    lists = perfect_lists(protocol_of(fair))
    right, wrong = (measured(fair, lists, q).rank.calibration for q in (p, p + np.float32(0.05)))
    assert right is not None
    assert right.calibrated
    assert right.error <= right.limit
    assert wrong is not None
    assert not wrong.calibrated
    assert wrong.error == pytest.approx(0.05, abs=0.01)


def test_calibration_is_not_judged_on_drawn_negatives(shop: tuple[ProcessedDataset, npt.NDArray[np.bool_]]) -> None:
    data, _ = shop
    drawn = replace(data, test=replace(data.test, drawn=data.test.label == 0))
    assert measured(drawn, perfect_lists(protocol_of(data)), np.full(len(data.test), 0.1, np.float32)).rank.calibration is None
