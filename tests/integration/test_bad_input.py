"""Whatever lies in ``raw_data``: the command line says what is wrong, loses nothing, and leaves an earlier night's files as they are."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from bad_folders import ITEMS, LOG, N_ROWS, REFUSED, SIEVED, BadFolder, write_clean

from homefeed.cli import cli, run_command


@dataclass(frozen=True)
class Outcome:
    code: int
    said: str


Etl = Callable[[Path], Outcome]


@pytest.fixture
def etl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Etl:
    """The real command: its exit code, and all that it prints."""

    def run(data: Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["homefeed", "etl", "--data", str(data), "--models", str(data / "models")])
        with pytest.raises(SystemExit) as ended:
            run_command(cli)
        return Outcome(int(ended.value.code or 0), "".join(capsys.readouterr()).replace("\n", " "))

    return run


@pytest.fixture(scope="module")
def last_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean shop that went through the ETL."""
    data = tmp_path_factory.mktemp("shop") / "data"
    write_clean(data / "raw_data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["homefeed", "etl", "--data", str(data)])
        with pytest.raises(SystemExit, match="0"):
            run_command(cli)
    return data


@pytest.fixture
def data(last_night: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(last_night, tmp_path / "data"))


def files(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (data / "processed").iterdir() if path.name != "rejects.csv"}


@pytest.mark.parametrize("folder", [pytest.param(folder, id=name) for name, folder in REFUSED.items()])
def test_a_folder_that_cannot_be_used_is_refused_in_words_and_last_nights_files_stay(
    data: Path, etl: Etl, folder: BadFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(data)
    folder.change(data / "raw_data")
    for name, value in folder.settings.items():
        monkeypatch.setenv(name, value)
    if "Permission denied" in folder.says[0] and os.access(data / "raw_data" / LOG, os.R_OK):
        pytest.skip("this user may read every file")
    outcome = etl(data)
    assert outcome.code == 1, outcome.said
    for part in folder.says:
        assert part in outcome.said
    assert "Traceback" not in outcome.said
    assert "\x1b" not in outcome.said
    assert files(data) == before


@pytest.mark.parametrize("folder", [pytest.param(folder, id=name) for name, folder in SIEVED.items()])
def test_a_bad_row_is_left_out_told_and_kept_in_rejects_csv(data: Path, etl: Etl, folder: BadFolder) -> None:
    folder.change(data / "raw_data")
    outcome = etl(data)
    assert outcome.code == 0, outcome.said
    rejects = pl.read_csv(data / "processed" / "rejects.csv", infer_schema=False)
    ((file, line, reason, value),) = rejects.rows()
    reason_expected, *value_expected = folder.says
    assert (reason, line) == (reason_expected, "2" if "flag" in reason or "available" in reason else "3")
    assert not value_expected or value_expected[0] in value
    assert f"{file}: 1 x {reason}, first in line {line}" in outcome.said
    assert "rejects: 1 rows cannot be used; each with its reason:" in outcome.said
    assert kept(data) + (file == LOG) == N_ROWS


def test_what_is_rejected_reaches_no_map_no_hotness_and_no_split(data: Path, etl: Etl) -> None:
    before = {name: content for name, content in files(data).items() if name.endswith((".csv", "map.pkl"))}
    with (data / "raw_data" / LOG).open("ab") as log:
        log.write(b"4000000000,u1,i1,1\n1700000000,ghost\x07,i1,1\n1700000000,u1,phantom,7\n1700000000,wraith,,1\n")
    assert etl(data).code == 0
    assert {name: content for name, content in files(data).items() if name in before} == before


def test_an_item_whose_available_cannot_be_read_is_off_sale_and_named(data: Path, etl: Etl) -> None:
    items = data / "raw_data" / ITEMS
    (data / "raw_data" / ITEMS).write_text(
        "iid,itag1,itag2,itag3,available\n" + "".join(f"{line},{'no' if n == 0 else 1}\n" for n, line in enumerate(items.read_text().splitlines()))
    )
    first = items.read_text().splitlines()[1].split(",")[0]
    outcome = etl(data)
    assert outcome.code == 0, outcome.said
    assert f"1 items are off sale until their available can be read: {first}" in outcome.said
    available = dict(pl.read_parquet(data / "processed" / "items.parquet", columns=["id", "available"]).rows())
    assert [iid for iid, on_sale in available.items() if not on_sale] == [first]


def test_too_many_rejects_are_all_listed_though_the_run_stops(data: Path, etl: Etl) -> None:
    with (data / "raw_data" / LOG).open("ab") as log:
        log.write(b"soon,u1,i1,1\n" * 7)
    assert etl(data).code == 1
    rejects = pl.read_csv(data / "processed" / "rejects.csv")
    assert rejects["line"].to_list() == list(range(N_ROWS + 1, N_ROWS + 8))
    assert set(rejects["reason"]) == {"ts is not in seconds"}


def test_rejects_that_were_told_are_listed_though_the_run_stops_for_another_reason(data: Path, etl: Etl) -> None:
    log = data / "raw_data" / LOG
    log.write_text("".join(f"{line[:-1]}1\n" for line in log.read_text().splitlines()) + "soon,u1,i1,1\n")
    outcome = etl(data)
    assert outcome.code == 1
    assert "rejects: 1 rows cannot be used; each with its reason:" in outcome.said
    assert "have label 1" in outcome.said
    assert pl.read_csv(data / "processed" / "rejects.csv")["line"].to_list() == [N_ROWS + 1]


def test_a_column_that_is_ignored_is_named_without_what_would_move_a_terminal(data: Path, etl: Etl) -> None:
    log = data / "raw_data" / LOG
    log.write_text("ts,uid,iid,label,\x1b[2Jnote\n" + "".join(f"{line},x\n" for line in log.read_text().splitlines()))
    outcome = etl(data)
    assert outcome.code == 0
    assert "shop.dat: ignored \\x1b[2Jnote" in outcome.said
    assert "\x1b" not in outcome.said


def test_a_clean_night_leaves_no_rejects_of_an_earlier_one(data: Path, etl: Etl) -> None:
    (data / "processed" / "rejects.csv").write_text("file,line,reason,value\nshop.dat,1,old,\n")
    assert etl(data).code == 0
    assert (data / "processed" / "rejects.csv").read_text() == "file,line,reason,value\n"


def test_rejects_of_all_three_files_stand_in_one_list(data: Path, etl: Etl) -> None:
    for name, line in ((LOG, "x,u1,i1,1"), ("item_feature.dat", ",k,l,m"), ("user_feature.dat", ",a,b")):
        with (data / "raw_data" / name).open("a") as file:
            file.write(f"{line}\n")
    assert etl(data).code == 0
    assert pl.read_csv(data / "processed" / "rejects.csv")["file"].to_list() == [LOG, "user_feature.dat", "item_feature.dat"]


def kept(data: Path) -> int:
    return sum(len(pl.read_parquet(data / "processed" / f"{side}.parquet", columns=["label"])) for side in ("train", "test"))
