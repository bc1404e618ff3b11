from __future__ import annotations

from pathlib import Path

import pytest

from homefeed.core.errors import InputError
from homefeed.etl.dialect import Dialect, FileSpec, detect
from homefeed.etl.raw_files import RawFile

COLUMNS = ("uid", "utag1", "utag2")


def detected(tmp_path: Path, text: str, known: set[str] = frozenset(), **options: str) -> Dialect:  # type: ignore[assignment]
    path = tmp_path / "user_feature.dat"
    path.write_text(text)
    spec = FileSpec(RawFile(path, path), COLUMNS, ("uid",), "uid")
    return detect(spec, lambda ids: sum(i in known for i in ids) / max(len(ids), 1), **options)[0]


@pytest.mark.parametrize(("separator", "name"), [(",", "comma"), ("|", "pipe"), ("\t", "tab")])
def test_each_separator_is_found_and_named(tmp_path: Path, separator: str, name: str) -> None:
    found = detected(tmp_path, "".join(f"{separator.join(row)}\n" for row in (("u1", "a", "b"), ("u2", "c", "d"))))
    assert (found.separator, found.has_header, found.columns) == (separator, False, COLUMNS)
    assert found.describe() == f"{name} separated, no header row"


def test_a_first_row_with_the_id_columns_name_is_a_header_and_gives_the_order(tmp_path: Path) -> None:
    found = detected(tmp_path, "utag2 | uid | utag1 | extra\nx | u1 | y | z\n")
    assert (found.separator, found.has_header, found.columns) == ("|", True, ("utag2", "uid", "utag1", "extra"))
    assert found.line_of(0) == 2


def test_pipes_within_a_tag_do_not_matter_when_their_number_differs(tmp_path: Path) -> None:
    assert detected(tmp_path, "u1,a,x|y\nu2,b,x|y|z\nu3,c,x\n").separator == ","


def test_among_separators_that_fit_the_one_whose_ids_join_with_the_log_wins(tmp_path: Path) -> None:
    both = "u0,1|a,2|b\nu1,3|c,4|d\n"
    assert detected(tmp_path, both, known={"u0", "u1"}, preferred="|").separator == ","
    assert detected(tmp_path, both, known={"u0,1", "u1,3"}).separator == "|"


def test_among_those_that_join_alike_the_logs_separator_wins_and_then_the_comma(tmp_path: Path) -> None:
    both = "u0,1|a,2|b\nu1,3|c,4|d\n"
    assert detected(tmp_path, both, preferred="|").separator == "|"
    assert detected(tmp_path, both, preferred="\t").separator == ","


def test_a_forced_separator_is_not_questioned(tmp_path: Path) -> None:
    assert detected(tmp_path, "u0,1|a,2|b\n", known={"u0"}, forced="|").separator == "|"


def test_a_file_that_fits_no_separator_is_told_by_its_first_wrong_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"user_feature.dat, line 1: 4 comma separated columns. Expected 3: uid, utag1, utag2"):
        detected(tmp_path, "u1,a,b,c\nu2,a,b,c\n")
    with pytest.raises(InputError, match=r"line 3: 2 comma separated columns"):
        detected(tmp_path, "uid,utag1,utag2\nu1,a,b\nu2,a\n")


@pytest.mark.parametrize(("text", "problem"), [("", "is empty"), ("\n  \n", "is empty"), ("uid,utag1,utag2\n", "holds a header row and nothing else")])
def test_a_file_without_rows_is_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        detected(tmp_path, text)


def test_the_header_row_may_come_after_blank_lines(tmp_path: Path) -> None:
    found = detected(tmp_path, "\n  \nuid,utag1,utag2\nu1,a,b\n")
    assert (found.has_header, found.skip, found.line_of(0)) == (True, 3, 4)


def test_separators_within_quotes_do_not_count(tmp_path: Path) -> None:
    found = detected(tmp_path, '"uid"|"utag2"|"utag1"\n"u1"|"a|b"|","\nu2|"c\nd"|e\n')
    assert (found.separator, found.columns) == ("|", ("uid", "utag2", "utag1"))


def test_where_no_separator_fits_nearly_all_rows_the_one_that_fits_most_is_taken(tmp_path: Path) -> None:
    assert detected(tmp_path, "u1,a,b\nu2,a,b\nu3\n").separator == ","
