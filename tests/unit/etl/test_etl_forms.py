"""However a shop writes its files down, the processed tables are those of the clean files."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from raw_shop import Shop

from homefeed.artifacts.processed import read_tag_slots
from homefeed.core.errors import InputError
from homefeed.etl import raw_files

START = 1_700_000_000
LOG = [f"{START + n // 2},u{n % 7},i{n * 3 % 11},{int(n % 3 == 0)}" for n in range(60)]
USERS = [f"u{n},a{n % 2},b{n % 3}" for n in range(9)]
ITEMS = [f"i{n},k{n % 4},l 1,m{n}" for n in range(12)]
COLUMNS = {
    "shop.dat": ["ts", "uid", "iid", "label"],
    "user_feature.dat": ["uid", "utag1", "utag2"],
    "item_feature.dat": ["iid", "itag1", "itag2", "itag3"],
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The clean files after two nights: the map is known, as it is in the runs that are compared with this one."""
    shop = Shop(tmp_path_factory.mktemp("clean") / "data").write(LOG, USERS, ITEMS)
    shop.run()
    shop.run()
    return shop


@pytest.fixture
def shop(clean: Shop, tmp_path: Path) -> Shop:
    return Shop(Path(shutil.copytree(clean.data, tmp_path / "data")))


def outputs(shop: Shop) -> dict[str, Any]:
    """All that the ETL left, but for what must differ between two runs."""
    found: dict[str, Any] = {}
    for path in sorted(shop.processed.iterdir()):
        if path.suffix == ".parquet":
            found[path.name] = pl.read_parquet(path).to_dict(as_series=False)
        elif path.name == "meta.json":
            found[path.name] = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("files", "checksum")}
        elif not path.name.startswith("."):
            found[path.name] = path.read_bytes()
    return found


def quoted(data: bytes) -> bytes:
    return b"".join(b",".join(b'"' + field + b'"' for field in line.split(b",")) + b"\n" for line in data.splitlines())


def spread_by_blanks(data: bytes) -> bytes:
    return b"\n  \r\n" + data.replace(b"\n", b"\n\n") + b"\n\t\n"


def two_zstd_frames(data: bytes) -> bytes:
    middle = data.index(b"\n", len(data) // 2)
    return zstandard.compress(data[:middle]) + zstandard.compress(data[middle:])


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": (".gz", gzip.compress),
    "two gzip members": (".gz", lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:])),
    "zstd": (".zst", zstandard.compress),
    "two zstd frames": (".zst", two_zstd_frames),
    "pzstd": (".zst", lambda data: b"\x50\x2a\x4d\x18\x04\0\0\0" + len(zstandard.compress(data)).to_bytes(4, "little") + zstandard.compress(data)),
    "carriage returns": ("", lambda data: data.replace(b"\n", b"\r\n")),
    "byte order mark": ("", lambda data: b"\xef\xbb\xbf" + data),
    "byte order mark and quotes": ("", lambda data: b"\xef\xbb\xbf" + quoted(data)),
    "quotes": ("", quoted),
    "quotes and carriage returns": ("", lambda data: quoted(data).replace(b"\n", b"\r\n")),
    "quotes here and there": ("", lambda data: data.replace(b"u3", b'"u3"').replace(b"l 1", b'"l 1"')),
    "pipes and quotes": ("", lambda data: quoted(data).replace(b",", b" | ")),
    "blank lines": ("", spread_by_blanks),
    "blank lines and quotes": ("", lambda data: spread_by_blanks(quoted(data))),
    "no last newline": ("", lambda data: data.rstrip(b"\n")),
    "all at once": (".gz", lambda data: gzip.compress(b"\xef\xbb\xbf" + spread_by_blanks(quoted(data)).replace(b"\n", b"\r\n").rstrip(b"\r\n\t"))),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("form", PACKED)
def test_another_way_of_writing_the_same_rows_gives_the_same_output(clean: Shop, shop: Shop, form: str, name: str) -> None:
    (ending, pack), path = PACKED[form], shop.data / "raw_data" / name
    data = pack(path.read_bytes())
    path.unlink()
    (path.parent / (name + ending)).write_bytes(data)
    shop.run()
    assert outputs(shop) == outputs(clean)


@pytest.mark.parametrize("ending", [".dat", ".parquet", ".dat.parquet"])
@pytest.mark.parametrize("name", COLUMNS)
def test_parquet_gives_the_same_output_under_each_of_its_names(clean: Shop, shop: Shop, name: str, ending: str) -> None:
    frame = frame_of(shop, name)
    (shop.data / "raw_data" / name).unlink()
    frame.write_parquet(shop.data / "raw_data" / name.replace(".dat", ending))
    shop.run()
    assert outputs(shop) == outputs(clean)


moments = pl.col("ts").cast(pl.Int64)
TYPED = {
    "integers": (moments, pl.col("label").cast(pl.Int8)),
    "unsigned and boolean": (moments.cast(pl.UInt32), pl.col("label") == "1"),
    "floats": (moments.cast(pl.Float64), pl.col("label").cast(pl.Float32)),
    "moments without a zone": (pl.from_epoch(moments, "s"), pl.col("label").cast(pl.UInt8)),
    "moments in a zone": (pl.from_epoch(moments, "s").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Kolkata"), pl.col("label").cast(pl.Decimal(3, 0))),
    "moments in nanoseconds": (pl.from_epoch(moments, "s").dt.cast_time_unit("ns"), pl.col("label").cast(pl.Categorical())),
    "binary text": (pl.col("ts").cast(pl.Binary), pl.col("label").cast(pl.Binary)),
}


@pytest.mark.parametrize("types", TYPED)
def test_typed_columns_mean_what_their_text_means(clean: Shop, shop: Shop, types: str) -> None:
    ts, label = TYPED[types]
    frame_of(shop, "shop.dat").select(ts.alias("ts"), "uid", "iid", label.alias("label")).write_parquet(shop.data / "raw_data" / "shop.dat")
    shop.run()
    assert outputs(shop) == outputs(clean)


def test_columns_that_nothing_uses_may_be_of_any_type(clean: Shop, shop: Shop) -> None:
    strange = {"took": pl.duration(seconds=1), "picture": pl.lit(b"\xff\xd8"), "nested": pl.struct("uid"), "nothing": pl.lit(None), "at": pl.time(12)}
    frame_of(shop, "shop.dat").with_columns(**strange).write_parquet(shop.data / "raw_data" / "shop.dat")
    shop.run()
    assert outputs(shop) == outputs(clean)
    assert "shop.dat: ignored took, picture, nested, nothing, at" in shop.listener.lines


def test_an_id_in_bytes_that_are_no_text_is_a_reject(shop: Shop) -> None:
    uid = pl.when(pl.int_range(pl.len()) == 5).then(pl.lit(b"\xff\xfe")).otherwise(pl.col("uid").cast(pl.Binary))
    frame_of(shop, "shop.dat").with_columns(uid=uid).write_parquet(shop.data / "raw_data" / "shop.dat")
    shop.run(etl={"max_rejects": 0.1})
    assert pl.read_csv(shop.processed / "rejects.csv").rows() == [("shop.dat", 6, "uid is empty", "")]


def test_a_folder_may_have_any_name(clean: Shop, tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop[1]*?" / "data").write(LOG, USERS, ITEMS)
    shop.run()
    shop.run()
    assert shop.csv("train.csv") == clean.csv("train.csv")
    assert len(shop.dataset().train) == len(clean.dataset().train)
    assert read_tag_slots(shop.processed, ("utag1",)) == read_tag_slots(clean.processed, ("utag1",))


def test_numbers_as_ids_join_with_the_same_ids_as_text(shop: Shop) -> None:
    ids = [str(18_292_817_638_588_633_000 + n) for n in range(3)]
    shop.write([f"{START + n},{n % 4},{ids[n % 3]},{n % 2}" for n in range(20)], ["0,a,b", "1,a,c"], [f"{ids[1]},k,l,m"])
    frame = frame_of(shop, "shop.dat").with_columns(pl.col("uid").cast(pl.Float64), pl.col("iid").cast(pl.UInt64))
    frame.write_parquet(shop.data / "raw_data" / "shop.dat")
    report = shop.run(new_map=True)
    assert (report.users, report.users_without_features) == (4, 2)
    assert pl.read_parquet(shop.processed / "items.parquet")["id"].to_list() == ids


def test_a_moment_in_parquet_that_is_missing_is_a_reject_and_names_its_row(shop: Shop) -> None:
    shop.write(LOG, USERS, ITEMS)
    ts = pl.from_epoch(moments, "s")
    frame = frame_of(shop, "shop.dat").with_columns(pl.when(pl.col("ts") != LOG[6].partition(",")[0]).then(ts).alias("ts"))
    frame.write_parquet(shop.data / "raw_data" / "shop.dat")
    shop.run(etl={"max_rejects": 0.1})
    assert pl.read_csv(shop.processed / "rejects.csv").rows() == [("shop.dat", line, "ts is not in ISO 8601", "") for line in (7, 8)]


def test_quoted_tags_may_hold_separators_quotes_and_line_breaks(shop: Shop) -> None:
    users = b'u0,"a, b","say ""hi"""\r\nu1,"two\nlines",b1\nu2,a1,"b1"\n'
    shop.write(LOG, users, ITEMS).run(new_map=True)
    tags = pl.read_parquet(shop.processed / "feature_map.parquet").filter(pl.col("field").is_in(["utag1", "utag2"]))["value"]
    assert set(tags) == {"a, b", 'say "hi"', "two\nlines", "b1", "a1"}


def test_rows_after_a_quoted_line_break_keep_their_line_numbers(shop: Shop) -> None:
    users = b'uid,utag1,utag2\nu0,"a\nb\nc",b0\n\nu1,a\nu2,"x",b1\n'
    shop.write(LOG, users, ITEMS).run(etl={"max_rejects": 0.5})
    assert pl.read_csv(shop.processed / "rejects.csv").rows() == [("user_feature.dat", 6, "2 columns instead of 3", "u1,a")]


def test_a_quote_that_nothing_closes_stands_for_itself_and_is_told(shop: Shop) -> None:
    shop.write(LOG, [*USERS, 'u20,"a,b0', 'u21,15" screen,b1'], ITEMS).run()
    tags = pl.read_parquet(shop.processed / "feature_map.parquet").filter(pl.col("field") == "utag1")["value"]
    assert {'"a', '15" screen'} <= set(tags)
    assert "user_feature.dat: 1 rows hold a quote that is never closed; it was read as it stands" in shop.listener.lines


def test_what_grows_beyond_all_measure_is_not_unpacked_to_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_files, "BOMB_BYTES", 1 << 20)
    shop.write(LOG, USERS, ITEMS)
    for ending, pack in ((".gz", gzip.compress), (".zst", zstandard.compress)):
        path = shop.data / "raw_data" / f"shop.dat{ending}"
        path.write_bytes(pack(bytes(30_000_000)))
        (shop.data / "raw_data" / "shop.dat").unlink(missing_ok=True)
        with pytest.raises(InputError, match=f"shop.dat{ending} grows to more than 200 times its size"):
            shop.run()
        path.unlink()


def test_now_is_what_the_caller_says(shop: Shop) -> None:
    shop.now = datetime.fromtimestamp(START - 86_400 + 20, UTC)
    shop.write(LOG, USERS, ITEMS).run(etl={"max_rejects": 0.5})
    assert set(pl.read_csv(shop.processed / "rejects.csv")["reason"]) == {"future timestamp"}
    assert shop.dataset().meta.log_end_us == (START + 20) * 1_000_000


def frame_of(shop: Shop, name: str) -> pl.DataFrame:
    return pl.read_csv(shop.data / "raw_data" / name, has_header=False, new_columns=COLUMNS[name], infer_schema=False)
