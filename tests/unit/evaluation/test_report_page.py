from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from planted_dataset import dataset, taste_shop

from homefeed.artifacts.processed import ProcessedDataset
from homefeed.core.progress import Silent
from homefeed.evaluation.baselines import HOTNESS, BaselineNote, BaselineResults, baseline_lists
from homefeed.evaluation.evaluate import FEED, Ours, evaluate
from homefeed.evaluation.page import render_page
from homefeed.evaluation.protocol import protocol_of
from homefeed.evaluation.report import Difference, EvaluationReport, Figure
from homefeed.evaluation.saved import save_report
from homefeed.evaluation.served import ServedSlates
from homefeed.evaluation.summary import summarise
from homefeed.evaluation.table import say_report, segment_lines, stage_lines
from homefeed.metrics.intervals import Interval

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Lines(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def measured(data: ProcessedDataset, lists: np.ndarray, p_click: np.ndarray, *, baselines: bool = True) -> EvaluationReport:
    given = baseline_lists(protocol_of(data), data.facts, 100, np.random.default_rng(6)) if baselines else {}
    notes = {name: BaselineNote(0.1, "", "", True) for name in given}
    beside = BaselineResults(given, {}, notes | {"GRU4Rec": BaselineNote(3600, "", "did not end within an hour", False)} if given else {})
    ours = Ours(lists, p_click, ServedSlates(lists[:, :10], np.zeros((len(lists), 10), np.uint8), ("dssm",)))
    return evaluate(data, ours, beside, np.random.default_rng(0), NOW)


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    data, likes = taste_shop(n_users=500)
    lists = baseline_lists(protocol_of(data), data.facts, 100, np.random.default_rng(5))["random"]
    return measured(data, lists, np.where(likes[data.test.user, data.test.item], 0.8, 0.1).astype(np.float32))


def with_lead_over_the_best(report: EvaluationReport, low: float, high: float) -> EvaluationReport:
    everybody, *parts = report.slate.segments
    metric = report.slate.lead
    figures = {**everybody.figures, FEED: {**everybody.figures[FEED], metric: Figure(0.3, 0.2, 0.4)}}
    difference = Difference.of(metric, Interval((low + high) / 2, low, high), 0.02)
    ahead = {**everybody.ahead, HOTNESS: {**everybody.ahead[HOTNESS], metric: difference}}
    return replace(report, slate=replace(report.slate, segments=(replace(everybody, figures=figures, ahead=ahead, best=HOTNESS), *parts)))


def test_page_needs_nothing_but_itself(report: EvaluationReport) -> None:
    page = render_page(report)
    assert "http" not in page
    assert "//" not in re.sub(r"data:[^\"]*", "", page)
    assert not re.search(r"<(script|link|img|iframe)", page)
    assert all(target.startswith("#") for target in re.findall(r'(?:href|src)="([^"]*)"', page))


def test_page_holds_the_plots_and_every_figure(report: EvaluationReport) -> None:
    page = render_page(report)
    assert page.count("<svg") == page.count("</svg>") == 2 + 3 + 3
    assert "#010203" not in page
    for stage in (report.recall, report.rank, report.slate):
        for segment in (*stage.segments, *stage.item_segments):
            for figures in segment.figures.values():
                assert all(f"{figure.value:.4f}" in page for figure in figures.values() if figure.value is not None)


def test_page_takes_light_and_dark_from_the_reader(report: EvaluationReport) -> None:
    page = render_page(report)
    assert "prefers-color-scheme: dark" in page
    assert "currentColor" in page


def test_drawing_twice_gives_the_same_page(report: EvaluationReport) -> None:
    assert render_page(report) == render_page(report)


def test_names_from_the_data_are_escaped(report: EvaluationReport) -> None:
    page = render_page(replace(report, dataset=replace(report.dataset, seen_reason="<script>alert(1)</script>")))
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("low", "high", "opening"),
    [
        (0.1, 0.2, "The feed beats the best baseline, hotness, "),
        (-0.2, -0.1, "The best baseline, hotness, beats the feed: "),
        (-0.1, 0.2, "The feed and the best baseline, hotness, cannot be told apart: "),
    ],
)
def test_headline_says_who_is_ahead_only_beyond_doubt(report: EvaluationReport, low: float, high: float, opening: str) -> None:
    headline = summarise(with_lead_over_the_best(report, low, high)).headline
    assert headline.startswith(opening)
    assert f"{low:+.4f} to {high:+.4f}, p 0.020" in headline


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.2), (-0.2, 0.0), (float("nan"), float("nan"))])
def test_an_interval_that_touches_zero_decides_nothing(low: float, high: float) -> None:
    assert Difference.of("recall_at_10", Interval(0.1, low, high), 0.5).verdict == "cannot be told"


def test_three_users_who_agree_decide_nothing() -> None:
    """Their interval lies above 0, but one in four choices of signs would look like that."""
    assert Difference.of("recall_at_10", Interval(0.1, 0.05, 0.2), 0.25).verdict == "cannot be told"
    assert Difference.of("recall_at_10", Interval(0.1, 0.05, 0.2), float("nan")).verdict == "ahead"


@pytest.mark.parametrize("metric", ["log_loss", "calibration_error"])
def test_less_is_ahead_where_less_is_better(metric: str) -> None:
    assert Difference.of(metric, Interval(-0.1, -0.2, -0.05), 0.001).verdict == "ahead"
    assert Difference.of("auc", Interval(-0.1, -0.2, -0.05), 0.001).verdict == "behind"


def test_baselines_are_sorted_by_verdict_and_those_without_figures_named(report: EvaluationReport) -> None:
    said = " ".join(summarise(with_lead_over_the_best(report, 0.1, 0.2)).sentences)
    assert re.search(r"the feed is ahead of [^;.]*hotness", said)
    assert "Not compared: GRU4Rec (did not end within an hour)." in said


def test_without_baselines_the_report_stands_alone_in_words_and_on_the_page() -> None:
    data, _ = taste_shop(n_users=100)
    lists = baseline_lists(protocol_of(data), data.facts, 20, np.random.default_rng(5))["random"]
    alone = measured(data, lists, np.full(len(data.test), 0.1, np.float32), baselines=False)
    assert summarise(alone).headline.startswith("No baseline stands beside the feed: ndcg_at_10 0.")
    assert render_page(alone).count("<svg") == 6
    progress = Lines()
    say_report(alone, progress)


def test_a_log_of_clicks_alone_is_said_in_words_and_drawn() -> None:
    data = dataset(3, 20, [(u, u, 1) for u in (1, 2)], [(u, 5, 1) for u in (1, 2, 3)])
    lists = np.full((3, 10), 5, np.int32)
    lists[:, 1:] = 0
    report = measured(data, lists, np.full(3, 0.5, np.float32))
    assert "there is nothing to rank" in " ".join(summarise(report).sentences)
    assert "<svg" in render_page(report)


def test_orders_are_told_in_words_of_impressions_too_where_the_log_has_these(report: EvaluationReport) -> None:
    of_clicks = {"order_auc": 0.7, "order_log_loss": 0.3, "order_calibration_error": 0.02}
    told = "Which clicks lead to an order: AUC 0.7000, log loss 0.3000, calibration error 0.0200"
    assert f"{told}." in summarise(replace(report, orders=of_clicks)).sentences
    of_rows = {"click_and_order_auc": 0.8, "click_and_order_log_loss": 0.05}
    both = f"{told}; which impressions to a click and an order: AUC 0.8000, log loss 0.0500."
    assert both in summarise(replace(report, orders=of_clicks | of_rows)).sentences
    assert "order" not in " ".join(summarise(report).sentences).replace("recall order", "")


def test_figures_on_drawn_negatives_are_never_called_click_rates(report: EvaluationReport) -> None:
    drawn = replace(report, dataset=replace(report.dataset, drawn_negatives=4))
    progress = Lines()
    say_report(drawn, progress)
    said, page = "\n".join(progress.lines), render_page(drawn)
    for text in (said, page):
        assert "4 " in text
        assert "against drawn negatives, not a click rate" in text
    assert "each test click against 4 drawn negatives, not a click rate" in said
    assert not re.search("impressions, click rates|click probabilities are off|observed click rate", said + page)
    assert EvaluationReport.from_json(drawn.to_json()) == drawn


def test_table_has_a_line_for_every_contender_with_its_verdict(report: EvaluationReport) -> None:
    title, ours, *others = stage_lines(report.slate)
    assert report.slate.lead in title
    assert ours.split()[:2] == ["the", "feed"]
    assert "±" in ours
    assert len(others) == 4
    assert all(re.search(r"ahead|behind|cannot be told", line) for line in others)


def test_every_other_group_that_has_somebody_has_a_line(report: EvaluationReport) -> None:
    lines = [" ".join(line.split()[:2]) for line in segment_lines(report.recall)]
    assert lines == [f"{s.name} users" for s in report.recall.segments[1:] if s.users] + [f"{s.name} items" for s in report.recall.item_segments if s.users]
    assert {"warm users", "cold users", "hot items"} < set(lines)


def test_page_says_whether_the_probabilities_are_calibrated(report: EvaluationReport) -> None:
    assert report.rank.calibration is not None
    assert not report.rank.calibration.calibrated
    assert "not calibrated" in render_page(report)
    assert "cannot be judged" in render_page(replace(report, rank=replace(report.rank, calibration=None)))


def test_everything_is_said_line_by_line_with_the_verdict_last(report: EvaluationReport) -> None:
    progress = Lines()
    say_report(report, progress)
    summary = summarise(report)
    assert progress.lines[-len(summary.sentences) - 1 :] == [summary.headline, *summary.sentences]
    assert not any("\n" in line for line in progress.lines)


def test_saved_files_are_whole_and_can_be_read_back(report: EvaluationReport, tmp_path: Path) -> None:
    json_path, page_path = save_report(report, tmp_path / "reports")
    assert EvaluationReport.from_json(json_path.read_text()) == report
    assert page_path.read_text().rstrip().endswith("</html>")
    assert sorted(p.name for p in json_path.parent.iterdir()) == ["evaluation.html", "evaluation.json"]
