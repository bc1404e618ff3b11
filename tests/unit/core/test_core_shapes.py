"""The words every room shares: errors, ids, columns, candidates, releases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.core.candidates import CandidateSet
from homefeed.core.columns import Column, Schema
from homefeed.core.errors import HomefeedError
from homefeed.core.ids import MAX_ID_BYTES, decode_id
from homefeed.core.release import Release, new_release_id

RELEASE = Release("r", "2026-11-24T10:00:00+00:00", "shop", "shop:5:ab", "2026-11-23T00:00:00+00:00", "keep", {"users": 3}, {"deepfm": {"auc": 0.7}})


def test_an_error_says_what_was_expected_and_what_to_do_next() -> None:
    error = HomefeedError("No file at x.dat", expected="rows of ts, uid", next_step="Put it there")
    assert str(error) == "No file at x.dat. Expected rows of ts, uid. Put it there."
    assert str(HomefeedError("Is it there?")) == "Is it there?"


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=100))
def test_every_printable_text_is_an_id_as_it_is(text: str) -> None:
    assert decode_id(text.encode()) == text


@pytest.mark.parametrize("text", ["18292817638588633000", "007", "NA", "null", " a b ", "/%", "né", "中", "👩‍👧", "\u00a0", "\u2028"])
def test_ids_are_opaque(text: str) -> None:
    assert decode_id(text.encode()) == text


@pytest.mark.parametrize(
    ("raw", "what"),
    [(b"", "empty"), (b"\xff", "not valid UTF-8"), (b"\xed\xa0\x80", "not valid UTF-8"), (b"a\x00", "control"), (b"a\nb", "control"), (b"\xc2\x85", "control"),
     (b"a" * (MAX_ID_BYTES + 1), "513 bytes")],
)  # fmt: skip
def test_bytes_that_spell_no_id_are_told_why(raw: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        decode_id(raw)


def test_the_longest_id_is_512_bytes() -> None:
    assert len(decode_id(b"a" * MAX_ID_BYTES)) == 512


def test_fields_are_numbered_user_first_and_a_multi_column_has_its_elements_beside_it() -> None:
    schema = Schema(user=(Column("age", "number"), Column("likes", "multi")), item=(Column("shelf"), Column("available", "flag")))
    assert schema.map_fields() == ("uid", "likes", "likes[]", "iid", "shelf")
    assert schema.csv_columns() == ("ts", "uid", "age", "likes", "iid", "shelf", "label")


def test_the_default_schema_is_the_contracts() -> None:
    assert Schema().csv_columns() == ("ts", "uid", "utag1", "utag2", "iid", "itag1", "itag2", "itag3", "label")


def candidates(scores: list[float]) -> CandidateSet:
    n = len(scores)
    return CandidateSet(np.arange(1, n + 1, dtype=np.int32), np.array(scores, np.float32), (np.arange(n) % 3).astype(np.uint8), np.zeros(n, np.float32))


def test_equal_scores_keep_their_order_and_items_keep_their_source() -> None:
    ranked = candidates([0.1, 0.5, 0.1, 0.9, 0.5]).sorted_by_score()
    assert ranked.item.tolist() == [4, 2, 5, 1, 3]
    assert ranked.source.tolist() == [0, 1, 1, 0, 2]


def test_pages_part_the_candidates_and_end_with_them() -> None:
    all_of_them = candidates([0.0] * 7)
    pages = [all_of_them.page(offset, 3).item.tolist() for offset in (0, 3, 6, 9)]
    assert pages == [[1, 2, 3], [4, 5, 6], [7], []]


def test_a_release_record_is_read_back_and_anything_else_is_not() -> None:
    assert Release.from_json(RELEASE.to_json()) == RELEASE
    for text in ("", "{}", "[]", '{"id": "r"}', RELEASE.to_json().replace('"id"', '"name"')):
        with pytest.raises(ValueError, match="."):  # noqa: RUF043 - any reason will do
            Release.from_json(text)


def test_release_ids_sort_by_time_in_any_zone_and_never_collide() -> None:
    now = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
    earlier, later = new_release_id(now), new_release_id(now + timedelta(seconds=1))
    assert earlier.startswith("20261124T101500Z-")
    assert earlier < later
    assert new_release_id(now.astimezone(timezone(timedelta(hours=9)))).startswith("20261124T101500Z-")
    assert len({new_release_id(now) for _ in range(50)}) == 50


def test_the_age_of_a_release_is_in_seconds() -> None:
    assert RELEASE.age_seconds(datetime(2026, 11, 24, 10, 1, 30, tzinfo=UTC)) == 90
