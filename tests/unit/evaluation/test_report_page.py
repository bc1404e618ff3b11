from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from planted_dataset import dataset, taste_shop

from homefeed.core.progress import Silent
from homefeed.evaluation.baselines import HOTNESS, baseline_lists
from homefeed.evaluation.evaluate import FEED, evaluate
from homefeed.evaluation.page import render_page
from homefeed.evaluation.protocol import protocol_of
from homefeed.evaluation.report import EvaluationReport, Figure
from homefeed.evaluation.saved import save_report
from homefeed.evaluation.summary import outcome, summarise
from homefeed.evaluation.table import say_report, stage_lines

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Lines(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    data, likes = taste_shop()
    protocol = protocol_of(data)
    lists = baseline_lists(protocol, data.facts, 100, np.random.default_rng(5))["random"]
    p_click = np.where(likes[data.test.user, data.test.item], 0.8, 0.1).astype(np.float32)
    return evaluate(data, lists, p_click, lists[:, :10], np.random.default_rng(0), NOW)


def with_lead_over_hotness(report: EvaluationReport, low: float, high: float) -> EvaluationReport:
    everybody, *parts = report.slate.segments
    metric = report.slate.lead
    figures = {**everybody.figures, FEED: {**everybody.figures[FEED], metric: Figure(0.3, 0.2, 0.4)}}
    ahead = {**everybody.ahead, HOTNESS: {metric: Figure((low + high) / 2, low, high)}}
    return replace(report, slate=replace(report.slate, segments=(replace(everybody, figures=figures, ahead=ahead), *parts)))


def test_page_needs_nothing_but_itself(report: EvaluationReport) -> None:
    page = render_page(report)
    assert "http" not in page
    assert "//" not in re.sub(r"data:[^\"]*", "", page)
    assert not re.search(r"<(script|link|img|iframe)", page)
    assert all(target.startswith("#") for target in re.findall(r'(?:href|src)="([^"]*)"', page))


def test_page_holds_the_plots_and_every_figure(report: EvaluationReport) -> None:
    page = render_page(report)
    assert page.count("<svg") == page.count("</svg>") == 6
    assert "#010203" not in page
    for stage in (report.recall, report.rank, report.slate):
        for segment in stage.segments:
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
    [(0.1, 0.2, "The feed beats hotness, "), (-0.2, -0.1, "Hotness beats the feed: "), (-0.1, 0.2, "The feed and hotness cannot be told apart: ")],
)
def test_headline_says_who_is_ahead_only_beyond_doubt(report: EvaluationReport, low: float, high: float, opening: str) -> None:
    headline = summarise(with_lead_over_hotness(report, low, high)).headline
    assert headline.startswith(opening)
    assert f"{low:+.4f} to {high:+.4f}" in headline


def test_an_interval_that_touches_zero_decides_nothing() -> None:
    assert outcome(Figure(0.1, 0.0, 0.2)) == outcome(Figure(-0.1, -0.2, 0.0)) == outcome(Figure(0.1)) == 0


def test_a_log_of_clicks_alone_is_said_in_words_and_drawn() -> None:
    data = dataset(3, 20, [(u, u, 1) for u in (1, 2)], [(u, 5, 1) for u in (1, 2, 3)])
    lists = np.full((3, 10), 5, np.int32)
    lists[:, 1:] = 0
    report = evaluate(data, lists, np.full(3, 0.5, np.float32), lists, np.random.default_rng(0), NOW)
    assert "there is nothing to rank" in " ".join(summarise(report).sentences)
    assert "<svg" in render_page(report)


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


def test_table_has_a_line_for_every_contender_and_segment(report: EvaluationReport) -> None:
    lines = list(stage_lines(report.slate))
    assert len(lines) == 1 + 3 * 5
    assert lines[1].startswith("all (")
    assert "±" in lines[1]
    assert all(metric in lines[0] for metric in report.slate.metrics)


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
