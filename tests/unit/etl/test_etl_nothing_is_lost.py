"""Every row of a raw file is kept, merged into another one, or stands in ``rejects.csv``."""

from __future__ import annotations

import io
import random
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_shop import ITEMS, LOG, USERS, Shop

from homefeed.core.errors import HomefeedError
from homefeed.core.ids import decode_id
from homefeed.etl.engines.polars_engine import unusable_ids
from homefeed.etl.faults import id_problem
from homefeed.etl.quotes import Grammar, records
from homefeed.etl.shown import shown

TS = st.sampled_from([b"100", b"250", b"300", b"7000000000000", b"4000000000", b"-1", b"1e3", b"", b"soon", b" 100", b"100.5", b'"300"'])
ID = st.sampled_from(
    [
        b"u1",
        b"i1",
        b"x y",
        b"",
        b" ",
        b"\x00",
        b"\xc2\x85",
        b"\xff",
        b"a" * 513,
        "\u00a0".encode(),
        b'"a,b"',
        b'"',
        b'"a\nb"',
        b"\x1f",
        b"\x1e",
        b"\xef\xbb\xbf",
    ]
)
LABEL = st.sampled_from([b"0", b"1", b"1", b"0 ", b"2", b"", b"true", b'"1"', b"1\r"])
FIELDS = st.tuples(TS, ID, ID, LABEL).map(b",".join)
LINE = st.one_of(
    FIELDS, FIELDS, st.sampled_from([b"", b"  ", b"\t", b",,,", b",", b"1,2", b"1,u1,i1,1,", b"1,u1,i1,1,5", b'1,"u1,i1,1', b"\x0b", "\u2003".encode(), b"\r"])
)
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(st.lists(LINE, max_size=12), st.sampled_from([b"", b"\xef\xbb\xbf", b"\n\n"]), st.booleans())
def test_rows_in_are_rows_kept_merged_and_rejected(lines: list[bytes], before: bytes, has_header: bool) -> None:
    clean = [line.encode() for line in LOG * 2]
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder) / "data")
        data = before + b"ts,uid,iid,label\n" * has_header + b"\n".join([*clean, *lines])
        report = shop.write(data).run(etl={"max_rejects": 1})
        rejects = pl.read_csv(shop.processed / "rejects.csv", infer_schema=False)
        kept = len(pl.read_parquet(shop.processed / "train.parquet")) + len(pl.read_parquet(shop.processed / "test.parquet"))
        found = records(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")), Grammar(","), width=4)
        filled = [record for record in found if len(record.fields) > 1 or record.fields[0].strip()]
        assert kept + report.merged + len(rejects) == len(filled) - has_header
        assert kept == report.rows
        ids = set(pl.read_parquet(shop.processed / "users.parquet")["id"]) | set(pl.read_parquet(shop.processed / "items.parquet")["id"])
        assert not [name for name in ids if id_problem(name)]


@SETTINGS
@given(st.binary(max_size=300), st.sampled_from(["shop.dat", "user_feature.dat", "item_feature.dat"]), st.sampled_from(["", ".gz", ".zst", ".parquet"]))
def test_bytes_of_any_kind_are_read_or_refused_in_words(data: bytes, name: str, ending: str) -> None:
    magic = {"": b"", ".gz": b"\x1f\x8b\x08\x00", ".zst": b"\x28\xb5\x2f\xfd", ".parquet": b"PAR1"}[ending]
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder) / "data").write()
        (shop.data / "raw_data" / name).unlink()
        (shop.data / "raw_data" / (name + ending)).write_bytes(magic + data)
        with pytest.raises(HomefeedError, match=name.partition(".")[0]):
            shop.run()


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(["a" * 512, "a" * 513, "é" * 256, "é" * 257, "\x7f", "\u0085", "\u200b"]),
        min_size=1,
    )
)
def test_ids_are_refused_in_columns_where_they_are_refused_one_by_one(ids: list[str]) -> None:
    refused = set()
    for name in ids:
        try:
            decode_id(name.encode())
        except ValueError:
            refused.add(name)
    assert set(unusable_ids(pl.Series(ids, dtype=pl.String))) == refused == {name for name in ids if id_problem(name)}


@given(st.text(max_size=200))
def test_what_is_shown_of_a_value_is_short_and_safe_to_print(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 80 * 10 + 1


def test_the_reasons_are_counted_and_the_first_row_of_each_is_named(shop: Shop) -> None:
    shop.write([*LOG, "950,u1,i1,2", "x,u1,i1,1", "951,u1,i1,3", "1,2"]).run(etl={"max_rejects": 1})
    said = [line for line in shop.listener.lines if line.startswith(("shop.dat: 1 x", "shop.dat: 2 x", "rejects"))]
    assert said[:3] == [
        "shop.dat: 2 x label is not 0 or 1, first in line 11: '2'",
        "shop.dat: 1 x ts is not in seconds, first in line 12: 'x'",
        "shop.dat: 1 x 2 columns instead of 4, first in line 14: '1,2'",
    ]
    assert said[3].startswith("rejects: 4 rows cannot be used")


def test_both_labels_of_one_moment_become_one_row_with_label_1(shop: Shop) -> None:
    twice = ["100,u1,i1,1", "100,u1,i2,0", "100,u1,i2,0", "200,u2,i1,0"]
    shop.write([*LOG, "100,u1,i1,0", "200,u2,i1,1", *twice]).run()
    rows = pl.concat(pl.read_parquet(shop.processed / f"{side}.parquet", columns=["ts_us", "label"]) for side in ("train", "test"))
    counts = Counter((ts // 1_000_000, label) for ts, label in rows.rows())
    assert counts[100, 1] == 1
    assert counts[100, 0] == 3
    assert (counts[200, 1], counts[200, 0]) == (1, 0)
    assert "merged: 4 rows into others of the same ts, uid and iid with another label; label 1 counts" in shop.listener.lines


def test_the_merged_row_keeps_the_largest_weight_and_that_rows_other_columns(shop: Shop) -> None:
    events = {"view": 0, "click": 1, "buy": 5}
    rows = ["1,u1,i1,view,1", "1,u1,i1,click,2", "1,u1,i1,buy,3", "1,u1,i2,click,4", "1,u1,i2,buy,5", "2,u2,i1,view,6", "9,u1,i1,view,7"]
    shop.write(["ts,uid,iid,event,position", *rows]).run(events=events)
    table = pl.concat(pl.read_parquet(shop.processed / f"{side}.parquet") for side in ("train", "test"))
    assert table.sort("position").select("position", "weight", "label").rows() == [(3, 5.0, 1), (4, 1.0, 1), (5, 5.0, 1), (6, 1.0, 0), (7, 1.0, 0)]


def test_entities_with_several_versions_are_named_and_exact_repeats_only_counted(shop: Shop) -> None:
    shop.write(users=[*USERS, USERS[0], "u2,b,other"], items=[*ITEMS, *ITEMS]).run()
    said = shop.listener.lines
    assert "user_feature.dat: 2 rows repeat an earlier uid; the last one counts" in said
    assert "Warning: user_feature.dat: 1 uid stand there with different values: u2. The last row of each counts" in said
    assert "item_feature.dat: 4 rows repeat an earlier iid; the last one counts" in said
    assert not any(line.startswith("Warning: item") for line in said)


@pytest.mark.parametrize("seed", range(6))
def test_parquet_with_flipped_bits_is_read_or_refused_and_never_ends_the_process(shop: Shop, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    path, chance = shop.write().data / "raw_data" / "shop.dat", random.Random(seed)
    pl.read_csv(path, has_header=False, new_columns=["ts", "uid", "iid", "label"]).write_parquet(path)
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 3, 20])):
        data[chance.randrange(4, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    with suppress(HomefeedError):
        shop.run()
    assert not "".join(capfd.readouterr())
