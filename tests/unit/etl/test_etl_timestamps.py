from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.etl.engines.polars_values import moment_us
from homefeed.etl.timestamps import MICROSECOND_US, MILLISECOND_US, SECOND_US, TimeForm, detect_form

MOMENT = datetime(2018, 11, 7, 0, 2, 35, tzinfo=UTC)
MOMENT_US = 1_541_548_955_000_000


def read(text: str, form: TimeForm) -> int | None:
    value = pl.DataFrame({"ts": [text]}).select(moment_us(pl.col("ts"), form)).item()
    return None if value is None else int(value)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1541548955", TimeForm("integer", SECOND_US)),
        ("1541548955000", TimeForm("integer", MILLISECOND_US)),
        ("1541548955000000", TimeForm("integer", MICROSECOND_US)),
        ("1541548955.0", TimeForm("decimal", SECOND_US)),
        ("2018-11-07T00:02:35Z", TimeForm("iso", SECOND_US)),
        ("2018-11-07 00:02:35", TimeForm("iso", SECOND_US)),
        ("2018-11-07T00:02:35.000+00:00", TimeForm("iso", SECOND_US)),
        ("2018-11-07T02:02:35+0200", TimeForm("iso", SECOND_US)),
        ("2018-11-06T18:32:35-05:30", TimeForm("iso", SECOND_US)),
    ],
)
def test_each_way_to_write_a_moment_is_recognised_and_read(text: str, form: TimeForm) -> None:
    assert detect_form([text]) == form
    assert read(text, form) == MOMENT_US


def test_a_date_alone_is_its_midnight() -> None:
    assert read("2018-11-07", TimeForm("iso", SECOND_US)) == MOMENT_US - 155_000_000


def test_small_numbers_are_seconds_and_the_middle_value_decides() -> None:
    assert detect_form(["1", "2", "3"]) == TimeForm("integer", SECOND_US)
    assert detect_form(["7", "1541548955000", "1541548955001"]) == TimeForm("integer", MILLISECOND_US)


@pytest.mark.parametrize("text", ["", "now", "2018-13-07", "2018-02-30", "2018-11-07T25:00", "1e9", "-5", "1969-12-31T23:59:59Z", "0000-01-01"])
def test_what_is_no_moment_is_not_read(text: str) -> None:
    assert read(text, TimeForm("iso", SECOND_US)) is None
    assert read(text, TimeForm("integer", SECOND_US)) is None


def test_a_number_of_another_unit_is_not_read() -> None:
    assert read("1541548955000", TimeForm("integer", SECOND_US)) is None
    assert read("1541548955", TimeForm("integer", MILLISECOND_US)) is None


def test_nothing_readable_has_no_form() -> None:
    assert detect_form(["yesterday", ""]) is None


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_iso_moments_with_any_offset_read_as_python_reads_them(local: datetime, offset_minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    exact = round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    assert read(moment.isoformat(), TimeForm("iso", SECOND_US)) == exact
