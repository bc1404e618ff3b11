"""Folders of raw files that cannot be used as they are: each is the clean shop after one small named change.

``REFUSED``: the ETL ends with exit code 1. ``SIEVED``: it goes on without some rows, and says which.
"""

from __future__ import annotations

import gzip
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import zstandard

START, DAY = 1_700_000_000, 86_400
N_ROWS, N_USERS, N_ITEMS = 400, 150, 120
LOG, USERS, ITEMS = "shop.dat", "user_feature.dat", "item_feature.dat"
Change = Callable[[Path], None]


@dataclass(frozen=True)
class BadFolder:
    """``change``: what is done to the clean files. ``says``: parts of what the user must be told."""

    change: Change
    says: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)


def write_clean(raw: Path) -> None:
    raw.mkdir(parents=True)
    write(raw / LOG, log_lines())
    write(raw / USERS, [f"u{n},a{n % 4},b{n % 7}" for n in range(N_USERS)])
    write(raw / ITEMS, [f"i{n},k{n % 5},l{n % 3},m{n % 6}" for n in range(N_ITEMS)])


def log_lines() -> list[str]:
    return [f"{START + 60 * n},u{n * 7 % N_USERS},i{n * 11 % N_ITEMS},{int(n % 3 == 0)}" for n in range(N_ROWS)]


def write(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))


# Changes: to the bytes of a file, to every line of it, to its third line, or to the folder.


def content(name: str, data: bytes) -> Change:
    return lambda raw: _replace(raw / name, data)


def every_line(name: str, change: Callable[[str], str]) -> Change:
    return lambda raw: write(raw / name, [change(line) for line in (raw / name).read_text().splitlines()])


def third_line(name: str, line: str) -> Change:
    def change(raw: Path) -> None:
        lines = (raw / name).read_text().splitlines()
        write(raw / name, [*lines[:2], line, *lines[3:]])

    return change


def renamed(name: str, ending: str, pack: Callable[[bytes], bytes] = bytes) -> Change:
    """The file's content, packed, under its name with an ending."""

    def change(raw: Path) -> None:
        data = (raw / name).read_bytes()
        (raw / name).unlink()
        (raw / (name + ending)).write_bytes(pack(data))

    return change


def packed(name: str, pack: Callable[[bytes], bytes]) -> Change:
    return lambda raw: _replace(raw / name, pack((raw / name).read_bytes()))


def as_parquet(name: str, spoil: Callable[[pl.DataFrame], pl.DataFrame], columns: tuple[str, ...] = ("ts", "uid", "iid", "label")) -> Change:
    def change(raw: Path) -> None:
        frame = pl.read_csv(raw / name, has_header=False, new_columns=list(columns))
        (raw / name).unlink()
        spoil(frame).write_parquet((raw / name).with_suffix(".parquet"))

    return change


def cut_parquet(raw: Path) -> None:
    as_parquet(LOG, lambda frame: frame)(raw)
    path = raw / "shop.parquet"
    path.write_bytes(path.read_bytes()[:-200])


def missing(name: str) -> Change:
    return lambda raw: (raw / name).unlink()


def folder_in_its_place(raw: Path) -> None:
    (raw / LOG).unlink()
    (raw / LOG).mkdir()


def link_to(target: str) -> Change:
    def change(raw: Path) -> None:
        (raw / LOG).unlink()
        (raw / LOG).symlink_to(target)

    return change


def pipe_that_nobody_fills(raw: Path) -> None:
    (raw / LOG).unlink()
    os.mkfifo(raw / LOG)


def without_permission(raw: Path) -> None:
    (raw / LOG).chmod(0)


def a_second_log(raw: Path) -> None:
    (raw / f"{LOG}.gz").write_bytes(gzip.compress((raw / LOG).read_bytes()))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def junk(seed: int) -> bytes:
    return random.Random(seed).randbytes(20_000)


def last_field(text: Callable[[str], str]) -> Callable[[str], str]:
    return lambda line: f"{line.rpartition(',')[0]},{text(line.rpartition(',')[2])}"


def in_a_day(days: float) -> int:
    return int(time.time() + days * DAY)


def _replace(path: Path, data: bytes) -> None:
    path.write_bytes(data)


MEND = "names each of them. Mend the file; or raise etl.max_rejects"

REFUSED = {
    "the log is missing": BadFolder(missing(LOG), ("shop.dat is missing", "ts, uid, iid, label", "shop.dat.gz", "Put it into")),
    "the user file is missing": BadFolder(missing(USERS), ("user_feature.dat is missing", "uid, utag1, utag2")),
    "the log is empty": BadFolder(content(LOG, b""), ("shop.dat is empty",)),
    "the log holds blank lines alone": BadFolder(content(LOG, b"\n  \n\r\n"), ("shop.dat is empty",)),
    "the log holds a header row alone": BadFolder(content(LOG, b"ts,uid,iid,label\n"), ("shop.dat holds a header row and nothing else",)),
    "the header row has other names": BadFolder(
        packed(LOG, lambda data: b"time,user,iid,click\n" + data),
        ("shop.dat, line 1: the header row (time, user, iid, click) lacks ts, uid, label", "[schema]"),
    ),
    "the header row has no name we know": BadFolder(
        packed(LOG, lambda data: b"when;who;what;did\n" + data.replace(b",", b";")), ("shop.dat, line 1: 1 comma",)
    ),
    "a folder in the log's place": BadFolder(folder_in_its_place, ("shop.dat is not a file",)),
    "a named pipe in the log's place": BadFolder(pipe_that_nobody_fills, ("shop.dat is not a file",)),
    "a link to itself": BadFolder(link_to(LOG), ("shop.dat cannot be read: Too many levels of symbolic links",)),
    "a link to nothing": BadFolder(link_to("elsewhere.dat"), ("shop.dat cannot be read: No such file",)),
    "a device": BadFolder(link_to("/dev/zero"), ("shop.dat is not a file",)),
    "a file nobody may read": BadFolder(without_permission, ("shop.dat cannot be read: Permission denied",)),
    "random bytes": BadFolder(content(LOG, junk(1)), ("shop.dat holds binary data", "one row a line")),
    "random bytes for users": BadFolder(content(USERS, junk(2)), ("user_feature.dat holds binary data",)),
    "nothing but zero bytes": BadFolder(content(LOG, bytes(5_000)), ("shop.dat holds binary data",)),
    "UTF-16": BadFolder(packed(LOG, lambda data: data.decode().encode("utf-16")), ("shop.dat holds UTF-16 text", "UTF-8")),
    "a spreadsheet": BadFolder(content(ITEMS, b"PK\x03\x04" + junk(3)), ("item_feature.dat holds a zip archive or a spreadsheet",)),
    "gzip without the ending": BadFolder(packed(LOG, gzip.compress), ("shop.dat is compressed, and its name does not say so", "Name it shop.dat.gz")),
    "zstd without the ending": BadFolder(packed(LOG, zstd), ("shop.dat is compressed, and its name does not say so", "Name it shop.dat.zst")),
    "two files that both claim to be the log": BadFolder(a_second_log, ("shop.dat and ", "shop.dat.gz both claim to be shop", "Remove the other")),
    "two files that both claim to be the items": BadFolder(
        lambda raw: (raw / "item_feature.parquet").write_bytes(b""), ("item_feature.dat and ", "item_feature.parquet both claim")
    ),
    "gzip that was cut off": BadFolder(renamed(LOG, ".gz", lambda data: half(gzip.compress(data))), ("shop.dat.gz ends too early",)),
    "zstd that was cut off": BadFolder(renamed(LOG, ".zst", lambda data: half(zstd(data))), ("shop.dat.zst ends too early",)),
    "text that calls itself gzip": BadFolder(renamed(LOG, ".gz"), ("shop.dat.gz is not gzip, as its name says",)),
    "text that calls itself zstd": BadFolder(renamed(USERS, ".zst"), ("user_feature.dat.zst is not zstd, as its name says",)),
    "text that calls itself Parquet": BadFolder(renamed(LOG, ".parquet"), ("shop.dat.parquet is not Parquet, as its name says",)),
    "gzip of gzip": BadFolder(renamed(LOG, ".gz", lambda data: gzip.compress(gzip.compress(data))), ("shop.dat.gz holds compressed data once more",)),
    "a flipped bit in gzip": BadFolder(renamed(LOG, ".gz", lambda data: flipped(gzip.compress(data))), ("shop.dat.gz is damaged",)),
    "a flipped bit in zstd": BadFolder(renamed(LOG, ".zst", lambda data: flipped(zstd(data))), ("shop.dat.zst is damaged",)),
    "rubbish after gzip": BadFolder(renamed(LOG, ".gz", lambda data: gzip.compress(data) + b"and more"), ("shop.dat.gz is damaged",)),
    "gzip of nothing": BadFolder(renamed(LOG, ".gz", lambda _: gzip.compress(b"")), ("shop.dat.gz is empty",)),
    "an empty file that calls itself gzip": BadFolder(renamed(LOG, ".gz", lambda _: b""), ("shop.dat.gz is empty",)),
    "an empty file that calls itself Parquet": BadFolder(renamed(LOG, ".parquet", lambda _: b""), ("shop.dat.parquet is empty",)),
    "Parquet without a column": BadFolder(as_parquet(LOG, lambda f: f.drop("label")), ("shop.parquet: its columns (ts, uid, iid) lack label",)),
    "Parquet without rows": BadFolder(as_parquet(LOG, lambda f: f.clear()), ("shop.parquet is empty",)),
    "Parquet without columns": BadFolder(as_parquet(LOG, lambda f: f.select()), ("shop.parquet is empty",)),
    "Parquet that was cut off": BadFolder(cut_parquet, ("shop.parquet cannot be read as Parquet",)),
    "Parquet whose ids are lists": BadFolder(
        as_parquet(LOG, lambda f: f.with_columns(uid=pl.concat_list("uid"))), ("shop.parquet: 400 of 400 rows", "uid is empty", MEND)
    ),
    "labels in words": BadFolder(
        every_line(LOG, last_field(lambda label: ["view", "click"][int(label)])),
        ("shop.dat: 400 of 400 rows (100.0%) cannot be used", "label is not 0 or 1, first in line 1: 'click'", MEND),
    ),
    "labels as decimals": BadFolder(every_line(LOG, last_field(lambda label: f"{label}.0")), ("label is not 0 or 1, first in line 1: '1.0'", MEND)),
    "labels true and false": BadFolder(every_line(LOG, last_field(lambda label: str(label == "1").lower())), ("first in line 1: 'true'", MEND)),
    "all labels 0": BadFolder(every_line(LOG, last_field(lambda _: "0")), ("shop.dat: none of the 400 rows has label 1",)),
    "all labels 1": BadFolder(every_line(LOG, last_field(lambda _: "1")), ("shop.dat: all 400 rows have label 1", "--sample-negatives 4")),
    "each 0 row beside a click of its moment": BadFolder(
        packed(LOG, lambda data: data.replace(b",0\n", b",1\n") + data.replace(b",1\n", b",0\n")),
        ("shop.dat: every row with label 0 has the ts, uid and iid of one with label 1, so all 400 rows", "--sample-negatives"),
    ),
    "0 rows where negatives are to be drawn": BadFolder(
        renamed(LOG, ".gz", gzip.compress), ("shop.dat.gz: 266 of 400 rows have label 0",), {"RECSYS_ETL_SAMPLE_NEGATIVES": "2"}
    ),
    "events that nothing explains": BadFolder(packed(LOG, lambda data: b"ts,uid,iid,event\n" + data), ("shop.dat: it has a column event", "[events]")),
    "moments in words": BadFolder(every_line(LOG, lambda line: "yesterday" + line[10:]), ("shop.dat, line 1: ts is 'yesterday'", "ISO 8601")),
    "moments before 1970": BadFolder(every_line(LOG, lambda line: f"-{line}"), ("shop.dat, line 1: ts is '-1700000000'",)),
    "moments in two units": BadFolder(
        every_line(LOG, lambda line: line.replace(",", "000,", 1) if line.endswith("1") else line),
        ("134 of 400 rows", "ts is not in seconds, first in line 1: '1700000000000'", MEND),
    ),
    "moments far in the future": BadFolder(every_line(LOG, lambda line: f"4{line[1:]}"), ("400 of 400 rows", "future timestamp, first in line 1", MEND)),
    "one moment alone": BadFolder(every_line(LOG, lambda line: f"{START}{line[10:]}"), ("shop.dat: all rows have one ts",)),
    "two separators": BadFolder(
        every_line(LOG, lambda line: line.replace(",", "|") if line.endswith("1") else line), ("1 column instead of 4, first in line 1", MEND)
    ),
    "a column too few": BadFolder(every_line(LOG, lambda line: line[:-2]), ("shop.dat, line 1: 3 comma separated columns", "--separator")),
    "a column too many": BadFolder(every_line(USERS, lambda line: f"{line},x"), ("user_feature.dat, line 1: 4 comma separated columns", "[schema]")),
    "a header row with an escape sequence": BadFolder(
        packed(LOG, lambda data: b"ts,uid,iid,\x1b[2Jlabel\n" + data), ("the header row (ts, uid, iid, \\x1b[2Jlabel) lacks label",)
    ),
    "a header row that names a column twice": BadFolder(
        packed(USERS, lambda data: b"uid,utag1,uid\n" + data), ("user_feature.dat, line 1: the header row names uid twice",)
    ),
    "Latin-1": BadFolder(
        packed(USERS, lambda data: data.replace(b"a1", b"fianc\xe9")),
        ("user_feature.dat: 38 of 150 rows", "not UTF-8, first in line 2: 'u1,fianc\\xe9,b1'", MEND),
    ),
    "one line of megabytes": BadFolder(content(LOG, b"1700000000,u1," + b"i" * 3_000_000), ("shop.dat, line 1: 3 comma separated columns",)),
    "items without ids": BadFolder(every_line(ITEMS, lambda line: line[line.index(",") :]), ("item_feature.dat: 120 of 120 rows", "iid is empty", MEND)),
    "more bad rows than allowed": BadFolder(
        packed(LOG, lambda data: data + b"1700000001,u1,i1,9\n" * 5), ("5 of 405 rows (1.2%)", "first in line 401: '9'", "at most 1.0%", MEND)
    ),
    "one bad row where none is allowed": BadFolder(
        packed(LOG, lambda data: data + b"1700000001,u1,i1,9\n"), ("1 of 401 rows", "at most 0.0%"), {"RECSYS_ETL_MAX_REJECTS": "0"}
    ),
}

SIEVED = {
    "a column is missing": BadFolder(third_line(LOG, f"{START},u1,i1"), ("3 columns instead of 4", f"{START},u1,i1")),
    "a column too many": BadFolder(third_line(LOG, f"{START},u1,i1,1,1"), ("5 columns instead of 4",)),
    "an empty column too many": BadFolder(third_line(LOG, f"{START},u1,i1,1,"), ("5 columns instead of 4",)),
    "nothing but separators": BadFolder(third_line(LOG, ",,,"), ("nothing in any column",)),
    "a moment in words": BadFolder(third_line(LOG, "noon,u1,i1,1"), ("ts is not in seconds", "noon")),
    "a moment of another unit": BadFolder(third_line(LOG, f"{START}000,u1,i1,1"), ("ts is not in seconds", f"{START}000")),
    "a negative moment": BadFolder(third_line(LOG, "-5,u1,i1,1"), ("ts is not in seconds", "-5")),
    "a moment the day after tomorrow": BadFolder(lambda raw: third_line(LOG, f"{in_a_day(2)},u1,i1,1")(raw), ("future timestamp",)),
    "a label outside 0 and 1": BadFolder(third_line(LOG, f"{START},u1,i1,2"), ("label is not 0 or 1", "2")),
    "no label": BadFolder(third_line(LOG, f"{START},u1,i1,"), ("label is not 0 or 1",)),
    "a label as a decimal": BadFolder(third_line(LOG, f"{START},u1,i1,1.0"), ("label is not 0 or 1", "1.0")),
    "no user": BadFolder(third_line(LOG, f"{START},,i1,1"), ("uid is empty",)),
    "no item": BadFolder(third_line(LOG, f"{START},u1,,1"), ("iid is empty",)),
    "a bell in an id": BadFolder(third_line(LOG, f"{START},u\a1,i1,1"), ("uid holds control characters", "u\\x071")),
    "a zero byte in an id": BadFolder(third_line(LOG, f"{START},u1,i\0,1"), ("iid holds control characters", "i\\x00")),
    "a control character beyond ASCII": BadFolder(third_line(LOG, f"{START},u\x851,i1,1"), ("uid holds control characters", "u\\x851")),
    "an escape sequence for terminals": BadFolder(third_line(LOG, f"{START},\x1b[2Ju,i1,1"), ("uid holds control characters", "\\x1b[2Ju")),
    "a line break within a quoted id": BadFolder(third_line(LOG, f'{START},"u\n1",i1,1'), ("uid holds control characters", "u\\n1")),
    "an id of 513 bytes": BadFolder(third_line(LOG, f"{START},{'u' * 513},i1,1"), ("uid is longer than 512 bytes", "u" * 80 + "…")),
    "an id of 300 letters and 600 bytes": BadFolder(third_line(LOG, f"{START},u1,{'é' * 300},1"), ("iid is longer than 512 bytes",)),
    "an id of a megabyte": BadFolder(third_line(LOG, f"{START},u1,{'i' * 1_000_000},1"), ("iid is longer than 512 bytes",)),
    "a byte that is no UTF-8": BadFolder(third_line(LOG, f"{START},u\udcff1,i1,1"), ("not UTF-8", "u\\xff1")),
    "half of a surrogate pair": BadFolder(third_line(LOG, f"{START},u\udced\udca0\udc801,i1,1"), ("not UTF-8", "u\\xed\\xa0\\x801")),
    "a user without an id": BadFolder(third_line(USERS, ",a1,b1"), ("uid is empty",)),
    "a user with a column too few": BadFolder(third_line(USERS, "u2,a1"), ("2 columns instead of 3", "u2,a1")),
    "an item with a zero byte": BadFolder(third_line(ITEMS, "i\0,k,l,m"), ("iid holds control characters",)),
    "an item that is no UTF-8": BadFolder(third_line(ITEMS, "i2,\udcfc,l,m"), ("not UTF-8", "i2,\\xfc,l,m")),
    "an unreadable flag": BadFolder(
        lambda raw: write(raw / ITEMS, ["iid,itag1,itag2,itag3,available", "i1,k,l,m,yes", *(f"i{n},k,l,m,{n % 2}" for n in range(2, N_ITEMS))]),
        ("available is not 0 or 1", "yes"),
    ),
}
