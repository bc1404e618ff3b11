from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.etl.quotes import MAX_LINES, Grammar, records

TEXT = st.text(st.sampled_from('ab"|,\t \n\r0é'), max_size=6)
ROWS = st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=1, max_size=6)


def read(text: str, separator: str = ",", width: int | None = None) -> list[list[str]]:
    lines = io.BytesIO(text.encode())
    return [[field.decode() for field in record.fields] for record in records(lines, Grammar(separator), width)]


@given(ROWS, st.sampled_from(",|\t"), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_quotes_is_read_back(rows: list[list[str]], separator: str, line_end: str) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator=line_end).writerows(rows)
    assert read(file.getvalue(), separator, width=3) == rows


@given(st.lists(st.text(st.sampled_from('ab",\n\r '), max_size=8), max_size=8).map("\n".join))
def test_every_line_belongs_to_one_record_whatever_it_holds(text: str) -> None:
    lines = text.encode().splitlines(keepends=True)
    lines = io.BytesIO(text.encode()).readlines()
    found = list(records(lines, Grammar(","), width=2))
    assert sum(record.lines for record in found) == len(lines)
    joined = iter(lines)
    for record in found:
        whole = b"".join(next(joined) for _ in range(record.lines))
        assert set(b"".join(record.fields)) <= set(whole)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('a,"b,c",d', ["a", "b,c", "d"]),
        ('a,"say ""hi""",', ["a", 'say "hi"', ""]),
        ('"",b', ["", "b"]),
        ('15" screen,b', ['15" screen', "b"]),
        ('a,"b"c,"d,e"', ["a", '"b"c', "d,e"]),
        ('a,"b,c', ["a", '"b', "c"]),
        ('"a,"b,c"', ['"a', "b,c"]),
    ],
)
def test_a_quote_counts_at_the_start_of_a_field_that_ends_with_one(line: str, fields: list[str]) -> None:
    assert read(line) == [fields]


def test_blanks_around_quotes_count_unless_a_pipe_separates() -> None:
    assert read('a | " b " | c', "|") == [["a", " b ", "c"]]
    assert read('a, "b", c') == [["a", ' "b"', " c"]]


def test_a_quote_that_is_never_closed_takes_its_own_line_alone() -> None:
    text = '1,"a\n' + "2,b\n" * (MAX_LINES + 5)
    found = list(records(io.BytesIO(text.encode()), Grammar(","), 2))
    assert found[0].fields == [b"1", b'"a']
    assert found[0].is_literal
    assert [record.lines for record in found] == [1] * (MAX_LINES + 6)


def test_lines_that_together_have_another_width_stay_apart() -> None:
    assert read('1,"a\n2,b"\n', width=2) == [["1", "a\n2,b"]]
    assert read('1,"a\n2,b",c\n', width=2) == [["1", '"a'], ["2", 'b"', "c"]]


def test_quotes_that_open_on_every_line_and_never_close_take_no_time() -> None:
    lines = [b'1,"u1,i1,1\n'] * 20_000
    grammar = Counting(",")
    assert [record.fields for record in records(lines, grammar, 4)] == [[b"1", b'"u1', b"i1", b"1"]] * 20_000
    assert grammar.read < 5 * sum(map(len, lines))


class Counting(Grammar):
    """How many bytes were read in all."""

    read = 0

    def fields(self, text: bytes, *, may_go_on: bool = True, in_one_line: bool = True) -> tuple[list[bytes], bool] | None:
        self.read += len(text)
        return super().fields(text, may_go_on=may_go_on, in_one_line=in_one_line)
