from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.machine import describe
from benchmarks.process import Workplace
from benchmarks.quality_page import BEGIN, END, PAGE, render, tables
from benchmarks.quality_record import QualityRecord, ShopFigures, StageFigures, append, newest
from benchmarks.quality_sets import bring

from homefeed.core.errors import InputError
from homefeed.evaluation.baselines.results import BaselineNote
from homefeed.evaluation.report import DatasetFacts, Difference, Figure

FACTS = DatasetFacts(943, 1682, 80_000, 20_000, 0.55, 0.5, "per-user", 0, "exclude", "never twice")
FIGURES = {"the feed": {"ndcg_at_10": Figure(0.21, 0.2, 0.22)}, "EASE": {"ndcg_at_10": Figure(0.18, 0.17, 0.19)}, "BPR": {"ndcg_at_10": Figure(None)}}
AHEAD = {"EASE": Difference(0.03, 0.02, 0.04, 0.001, "ahead")}
STAGE = StageFigures("slate", "all", 900, "the feed", "ndcg_at_10", "EASE", FIGURES, AHEAD)
NOTES = {"EASE": BaselineNote(12.3, "ridge 300", "", True), "BPR": BaselineNote(3600.0, "", "did not end within 3,600 s", False)}
SHOP = ShopFigures("active", 500, 10, 0.05, 0.09, 0.1, Figure(0.7, 0.68, 0.72), 0.4, Figure(0.3, 0.28, 0.32), 0, 0, 0, 321)


@pytest.fixture
def record() -> QualityRecord:
    machine = describe(datetime(2026, 11, 24, tzinfo=UTC))
    command = "python -m benchmarks.quality --data FOLDER --set ml100k --split per-user"
    return QualityRecord("evaluation", "ml100k", command, machine, {"run": 12.0}, {"run": 10**9}, FACTS, (STAGE,), NOTES)


def test_the_newest_record_of_each_set_and_split_is_read_back_as_it_was_kept(record: QualityRecord, tmp_path: Path) -> None:
    path = tmp_path / "history" / "quality.jsonl"
    other_split = replace(record, dataset=replace(FACTS, split="global"))
    shop = replace(record, kind="shop", set="simshop", dataset=None, stages=(), baselines={}, shop=(SHOP,))
    better = replace(record, seconds={"run": 9.0})
    for one in (record, other_split, shop, better):
        append(one, path)
    assert newest(path) == [other_split, better, shop]
    assert newest(tmp_path / "none.jsonl") == []


def test_tables_hold_figures_with_intervals_differences_costs_and_who_did_not_finish(record: QualityRecord) -> None:
    text = tables([record, replace(record, kind="shop", set="simshop", dataset=None, stages=(), baselines={}, shop=(SHOP,))])
    assert "## ml100k, per-user split" in text
    assert "| the feed | 0.2100 (0.2000 to 0.2200) |" in text
    assert "| BPR | - |" in text
    assert "the feed less EASE, the best baseline, ndcg_at_10: +0.0300 (+0.0200 to +0.0400, p 0.001), ahead." in text
    assert "| BPR | 3600 | - | did not end within 3,600 s |" in text
    assert "run 12 s on" in text
    assert "`python -m benchmarks.quality --data FOLDER --set ml100k --split per-user`" in text
    assert "| simshop | 500 active in the log | 0.7000 (0.6800 to 0.7200) | 0.4000 | 0.3000 (0.2800 to 0.3200) |" in text


def test_what_people_wrote_around_the_tables_stays(record: QualityRecord, tmp_path: Path) -> None:
    page = tmp_path / "quality.md"
    page.write_text(f"# Before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    render([record], page)
    render([record], page)
    text = page.read_text()
    assert text.startswith(f"# Before\n\n{BEGIN}\n\n## ml100k")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    assert text.count("## ml100k") == 1


def test_a_page_without_its_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "quality.md"
    page.write_text(f"{BEGIN}\n")
    with pytest.raises(ValueError, match="lacks the mark"):
        render([], page)
    assert page.read_text() == f"{BEGIN}\n"


def test_the_page_of_this_repository_has_its_marks_and_the_tables_of_its_records() -> None:
    assert tables(newest()) in PAGE.read_text(encoding="utf-8")


def test_a_set_is_unpacked_and_its_truth_stays_away(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "shop.dat.gz").write_bytes(gzip.compress(b"1,u,i,1\n"))
    (folder / "user_feature.dat").write_text("u,a,b\n")
    (folder / "truth.npz").write_bytes(b"secret")
    place = Workplace(tmp_path / "place")
    bring(place, folder)
    assert (place.data / "raw_data" / "shop.dat").read_text() == "1,u,i,1\n"
    assert sorted(path.name for path in place.folder.rglob("*") if path.is_file()) == ["shop.dat", "user_feature.dat"]


def test_a_folder_without_a_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No shop\.dat in .*nothing"):
        bring(Workplace(tmp_path / "place"), tmp_path / "nothing")
