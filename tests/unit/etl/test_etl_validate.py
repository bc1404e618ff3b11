"""Small broken folders, and what `homefeed validate` says of them; it says everything, and it touches nothing."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_shop import Listener, Shop

from homefeed.bootstrap.validate import say_validation
from homefeed.config import Config
from homefeed.core.errors import HomefeedError

START = 1_760_000_000
"""9 October 2025."""
Row = tuple[int, str, str, str]


def log_rows(n: int = 400, users: int = 20, items: int = 12) -> list[Row]:
    rng = np.random.default_rng(4)
    return [(START + 3_000 * k, f"u{rng.integers(users):03}", f"i{rng.integers(items):02}", str(int(rng.random() < 0.3))) for k in range(n)]


def lines(rows: Sequence[Sequence[object]], separator: str = ",") -> list[str]:
    return [separator.join(map(str, row)) for row in rows]


USERS = [(f"u{n:03}", f"a{n % 4}", f"b{n % 3}") for n in range(20)]
ITEMS = [(f"i{n:02}", f"c{n % 3}", f"d{n % 4}", f"e{n % 2}") for n in range(12)]


def validated(shop: Shop, log: Any = None, users: Any = None, items: Any = None, **settings: Any) -> tuple[bool, str]:
    """Whether an ETL would run, and all that was said. What is not given is sound."""
    shop.write(lines(log_rows()) if log is None else log, lines(USERS) if users is None else users, lines(ITEMS) if items is None else items)
    return said(shop, **settings)


def said(shop: Shop, **settings: Any) -> tuple[bool, str]:
    listener = Listener()
    fine = say_validation(Config.model_validate({"paths": {"data": str(shop.data)}, **settings}), listener, shop.now)
    return fine, "\n".join(listener.lines)


def test_a_sound_folder_is_counted_and_an_etl_makes_what_it_says(shop: Shop) -> None:
    fine, text = validated(shop)
    assert fine
    assert "shop.dat: comma separated, no header row, ts in seconds, 400 rows" in text
    assert "400 usable rows, 20 users, 12 items" in text
    assert "from 2025-10-09 08:53:20 to 2025-10-23 05:23:20 UTC (13.9 days)" in text
    assert "100.0% of the log's users have a row here; 100.0% of the 20 users here are in the log" in text
    assert "schema: users uid, utag1 (category), utag2 (category); items iid, itag1 (category)" in text
    assert "feature map: none yet" in text
    assert "Worth a look" not in text
    outlook = text.partition("It would make:\n")[2].splitlines()
    shop.run()
    assert len(outlook) > 4
    assert {line.strip() for line in outlook} <= set(shop.listener.lines)
    assert "it knows 100.0% of the log's users and 100.0% of its items" in said(shop)[1]


def test_nothing_is_written_or_touched(shop: Shop, tmp_path: Path) -> None:
    shop.write(lines(log_rows()), lines(USERS), lines(ITEMS)).run()
    for log in (lines(log_rows()), lines([(*row[:3], "click") for row in log_rows()]), ['"unclosed'], gzip.compress(b"1,u,i,0\n")):
        shop.write(log, lines(USERS), lines(ITEMS))
        before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()}
        folders = {path for path in tmp_path.rglob("*") if path.is_dir()}
        said(shop)
        assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()} == before
        assert {path for path in tmp_path.rglob("*") if path.is_dir()} == folders


@pytest.mark.parametrize("header", [(), ("ts,uid,iid,label",)])
def test_words_in_the_label_column_are_explained_with_the_lines_to_paste(header: tuple[str, ...], shop: Shop) -> None:
    words = [*header, *lines([(*row[:3], ("view", "click", "cart")[n % 3]) for n, row in enumerate(log_rows())])]
    fine, text = validated(shop, words)
    assert not fine
    assert "0 clicks in the first 400 rows: column 4 (label) holds 'view'/'click'/'cart', expected 0/1" in text
    assert ("call the column event instead of label" if header else "put a header row on top of the file: ts,uid,iid,event") in text
    pasted = text.partition("[events]\n")[2].splitlines()[:3]
    assert [line.strip() for line in pasted] == ["view = 0", "click = 1", "cart = 3"]
    events = dict(line.strip().split(" = ") for line in pasted)
    mended = ["ts,uid,iid,event", *words[len(header) :]]
    assert validated(shop, mended, events=events)[0]


def test_kinds_of_event_that_no_setting_names_are_listed(shop: Shop) -> None:
    kinds = ["ts,uid,iid,event", *lines([(*row[:3], ("view", "buy it", "like")[n % 3]) for n, row in enumerate(log_rows())])]
    fine, text = validated(shop, kinds)
    assert not fine
    assert "such as: [events] view = 0, click = 1, buy = 5" in text
    assert '"buy it" = 1' in text
    fine, text = validated(shop, kinds, events={"view": 0, "like": 1})
    assert not fine
    assert "holds 'buy it', expected one of view, like" in text


def test_a_column_that_is_no_label_at_all_is_asked_about(shop: Shop) -> None:
    _, text = validated(shop, lines([(*row[:3], f"{n}.95") for n, row in enumerate(log_rows())]))
    assert "400 different values: is it another column?" in text
    assert "[events]" not in text


@pytest.mark.parametrize(
    ("label", "settings", "what"),
    [
        ("0", {}, "none of the 400 rows has label 1"),
        ("1", {}, "--sample-negatives"),
    ],
)
def test_one_label_alone_would_stop_the_run(label: str, settings: dict[str, Any], what: str, shop: Shop) -> None:
    fine, text = validated(shop, lines([(*row[:3], label) for row in log_rows()]), **settings)
    assert not fine
    assert what in text


def test_a_log_of_clicks_alone_would_run_with_drawn_negatives(shop: Shop) -> None:
    fine, text = validated(
        shop, lines([(*row[:2], f"i{int(row[2][1:]) // 2 + int(row[1][1:]) % 6:02}", "1") for row in log_rows()]), etl={"sample_negatives": 2}
    )
    assert fine
    assert "drawn negatives, which are not counted above" in text


REWRITTEN = [
    ("without leading zeros", lambda uid: uid[1:], lambda uid: f"{int(uid[1:])}"),
    ("in lower case", lambda uid: uid, str.upper),
    ("without a decimal part", lambda uid: uid[1:], lambda uid: f"{uid[1:]}.0"),
    ("by their digits alone", lambda uid: uid, lambda uid: f"customer-{uid[1:]}"),
]


@pytest.mark.parametrize(("how", "in_log", "in_file"), REWRITTEN, ids=[how for how, *_ in REWRITTEN])
def test_ids_that_two_systems_write_differently_are_shown_side_by_side(how: str, in_log: Any, in_file: Any, shop: Shop) -> None:
    log = lines([(ts, in_log(uid), iid, label) for ts, uid, iid, label in log_rows()])
    fine, text = validated(shop, log, lines([(in_file(uid), *tags) for uid, *tags in USERS]))
    assert fine
    assert "0.0% of the log's users have a row here" in text
    assert "None of the log's users has a row in user_feature.dat" in text
    assert f"Written {how}, most users would be the same on both sides ({in_log('u010')} in the log, {in_file('u010')} in user_feature.dat)" in text


def test_swapped_id_columns_are_noticed(shop: Shop) -> None:
    _, text = validated(shop, lines([(ts, iid, uid, label) for ts, uid, iid, label in log_rows()]))
    assert text.count("are uid and iid swapped?") == 2


def test_items_without_features_are_counted_with_an_example(shop: Shop) -> None:
    _, text = validated(shop, items=lines(ITEMS[:-1]))
    assert "1 items of the log have no row in item_feature.dat, such as i11" in text


STATES: dict[str, tuple[dict[str, Any], str]] = {
    "one moment": ({"log": lines([(START, *row[1:]) for row in log_rows()])}, "all rows have one ts"),
    "one day": ({"log": lines([(START + n, *row[1:]) for n, row in enumerate(log_rows())])}, "all rows lie on one day, 2025-10-09"),
    "row numbers for ts": ({"log": lines([(n * 1000, *row[1:]) for n, row in enumerate(log_rows())])}, "it begins in 1970: is ts a time?"),
    "one user": ({"log": lines([(row[0], "u000", *row[2:]) for row in log_rows()])}, "all rows have one uid, u000"),
    "one item": ({"log": lines([(*row[:2], "i00", row[3]) for row in log_rows()])}, "all rows have one iid, i00"),
    "a visit for a user": ({"log": lines([(row[0], f"v{n}", *row[2:]) for n, row in enumerate(log_rows())])}, "every user has one row"),
    "hardly a row in vain": ({"log": lines([(*row[:3], int(n != 9)) for n, row in enumerate(log_rows())])}, "99.8% of the rows are clicks"),
    "a constant tag": ({"users": lines([(uid, "same", tag) for uid, _, tag in USERS])}, "utag1 is the same in every row"),
    "an empty tag": ({"users": lines([(uid, "", tag) for uid, _, tag in USERS])}, "utag1 is empty in every row"),
    "a tag that is an id": ({"items": lines([(iid, f"x{iid}", *tags) for iid, _, *tags in ITEMS])}, "itag1 is different in every row"),
    "nothing on sale": ({"items": ["iid,itag1,itag2,itag3,available", *lines([(*row, 0) for row in ITEMS])]}, "available is 0 for all 12 items"),
    "two separators": (
        {"users": [f"x{n:03},x|a{n % 4},y|b{n % 3}" for n in range(20)]},
        "user_feature.dat can be read as comma and pipe separated; comma was taken",
    ),
    "a tag per entity": ({"users": [*lines(USERS), "u001,other,b1"]}, "1 uid stand there with different values: u001"),
}


@pytest.mark.parametrize("state", STATES)
def test_data_that_says_nothing_is_worth_a_look(state: str, shop: Shop) -> None:
    files, what = STATES[state]
    fine, text = validated(shop, **files)
    assert fine == (state != "one moment")
    assert what in text.partition("Worth a look:")[2].partition("\n\n")[0]


def test_a_separator_under_which_the_ids_mean_nothing_is_no_near_tie(shop: Shop) -> None:
    _, text = validated(shop, users=[f"u{n:03},x|a{n % 4},y|b{n % 3}" for n in range(20)])
    assert "can be read as" not in text


def test_all_three_files_are_looked_at_and_every_problem_is_told(shop: Shop) -> None:
    log = lines([("soon" if n % 20 == 0 else START * 2 if n % 20 == 1 else row[0], *row[1:]) for n, row in enumerate(log_rows())])
    fine, text = validated(shop, log, ["u001"], b"")
    assert not fine
    assert "shop.dat: reject: 20 x ts is not in seconds, first in line 1: 'soon'" in text
    assert "shop.dat: reject: 20 x future timestamp, first in line 2" in text
    assert "would not run, for 3 reasons" in text
    assert "40 of 400 rows (10.0%) cannot be used, at most 1.0% may be" in text
    assert "user_feature.dat, line 1: 1 comma separated column" in text
    assert "item_feature.dat is empty" in text


def test_a_log_without_a_usable_row_is_told_as_the_etl_tells_it(shop: Shop) -> None:
    fine, text = validated(shop, lines([(*row[:3], "yes") for row in log_rows()]), etl={"max_rejects": 1})
    assert not fine
    assert "none of the 0 rows has label 1" in text
    assert "all rows have one ts" not in text


def test_feature_files_are_looked_at_without_a_log(shop: Shop) -> None:
    shop.write([], lines([(uid, "same", tag) for uid, _, tag in USERS]), lines(ITEMS))
    (shop.data / "raw_data" / "shop.dat").unlink()
    fine, text = said(shop)
    assert not fine
    assert "shop.dat is missing" in text
    assert "utag1 is the same in every row" in text
    assert "item_feature.dat: comma separated, no header row, 12 rows" in text


def test_another_shops_files_would_not_run_on_this_ones_map(shop: Shop) -> None:
    shop.write(lines(log_rows()), lines(USERS), lines(ITEMS)).run()
    other = lines([(ts, f"other{uid}", f"other{iid}", label) for ts, uid, iid, label in log_rows()])
    fine, text = validated(shop, other)
    assert not fine
    assert "it knows 0.0% of the log's users and 0.0% of its items" in text
    assert "--new-map" in text


def test_a_quoted_file_is_read_as_the_etl_reads_it_whatever_else_was_tried(shop: Shop) -> None:
    quoted = [f'{row[0]},"{row[1]}","{row[2]}",{row[3]}' for row in log_rows()]
    fine, text = validated(shop, quoted)
    assert fine
    assert text == validated(shop)[1]


files = st.sampled_from(["shop.dat", "user_feature.dat", "item_feature.dat"])
texts = st.sampled_from(
    [
        "",
        "0",
        "1",
        "2",
        "-1",
        "x",
        '"',
        '"a',
        "u001",
        "i01",
        "1e99",
        "NaN",
        ",",
        "|",
        "\t",
        "\n",
        "\r\n",
        "\x00",
        "ü",
        "99999999999999999",
        "label",
        "uid",
        "iid",
    ]
)
damages = st.lists(st.tuples(files, st.floats(0, 1), st.integers(0, 4), texts, st.sampled_from([1, 1, 5, 400])), max_size=4)
"""Of a file: from which line on, which field, what stands there instead, in how many lines."""


@settings(max_examples=40, deadline=None)
@given(damages, st.sampled_from([0, 2]))
def test_the_verdict_is_that_of_an_etl(tmp_path_factory: pytest.TempPathFactory, given_damages: list[tuple[str, float, int, str, int]], negatives: int) -> None:
    shop = Shop(tmp_path_factory.mktemp("fuzzed") / "data")
    content = {"shop.dat": lines(log_rows(60)), "user_feature.dat": lines(USERS), "item_feature.dat": lines(ITEMS)}
    for name, start, column, text, n in given_damages:
        for row in range(int(start * (len(content[name]) - 1)), len(content[name]))[:n]:
            fields = content[name][row].split(",")
            fields[min(column, len(fields) - 1)] = text
            content[name][row] = ",".join(fields)
    shop.write(*(content[name] for name in ("shop.dat", "user_feature.dat", "item_feature.dat")))
    etl = {"sample_negatives": negatives}
    fine, text = said(shop, etl=etl)
    assert (complaint_of_etl(shop, etl=etl) == "") == fine, text


def complaint_of_etl(shop: Shop, **settings: Any) -> str:
    try:
        shop.run(**settings)
    except HomefeedError as error:
        return str(error)
    return ""
