"""Which file lies in ``raw_data`` under a name of the contract: plain, compressed or Parquet, and never two at once."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from homefeed.core.errors import InputError

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
ZSTD_SKIPPABLE = tuple(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))
"""What pzstd begins with: frames that hold nothing of the content."""
FOREIGN = {b"PK\x03\x04": "a zip archive or a spreadsheet", b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text", b"SQLite format 3": "a database"}
"""First bytes of what people put here by mistake."""
CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
HEAD_BYTES, BLOCK_BYTES = 1 << 16, 1 << 20
ZSTD_BLOCK_BYTES = 1 << 10
"""A block of zstd may hold 32,000 times its size: by so small pieces nothing larger than 32 MiB comes out at once."""
BOMB_BYTES, BOMB_RATIO = 1 << 30, 200
"""What grows to more than both is no log: real ones shrink to a tenth."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """``path``: the user's file, which messages name. ``content``: the file to read, the same one unless it was unpacked."""

    path: Path
    content: Path
    is_parquet: bool = False


def find_raw(folder: Path, name: str, columns: str, work: Path) -> RawFile:
    """The file that lies under ``name`` (such as ``shop.dat``), with ``.gz``, ``.zst`` or ``.parquet`` after it, or as ``shop.parquet``.

    Compressed ones are unpacked into ``work``. Raises ``InputError`` where there is none, more than one, or one that is not what its name says.
    """
    plain, *others = places = _places(folder, name)
    found = [path for path in places if os.path.lexists(path)]
    if not found:
        also = ", ".join(path.name for path in others)
        raise InputError(f"{plain} is missing", expected=f"a file with {columns} (or {also})", next_step=f"Put it into {folder}/")
    if len(found) > 1:
        raise InputError(f"{' and '.join(map(str, found))} both claim to be {plain.stem}", expected="one of them", next_step="Remove the other")
    return _opened(found[0], columns, work)


def lies_in(folder: Path, name: str) -> bool:
    """Whether there is a file that ``find_raw`` would look at."""
    return any(map(os.path.lexists, _places(folder, name)))


def _places(folder: Path, name: str) -> list[Path]:
    plain = folder / name
    return [plain, *(folder / f"{name}{ending}" for ending in (".gz", ".zst", ".parquet")), plain.with_suffix(".parquet")]


def _opened(path: Path, columns: str, work: Path) -> RawFile:
    head = _head(path, columns)
    if path.suffix in (".gz", ".zst") and head:
        _check_magic(path, head, *(((GZIP,), "gzip") if path.suffix == ".gz" else ((ZSTD, *ZSTD_SKIPPABLE), "zstd")))
        content = _unpacked(path, work / f"{path.stem}.plain")
        head = _head(content, columns)
        if head.startswith((GZIP, ZSTD)):
            raise InputError(f"{path} holds compressed data once more", expected="a file that was compressed once", next_step="Unpack it by hand")
    else:
        content = path
    if path.suffix == ".parquet":
        _check_magic(path, head, (PARQUET,), "Parquet")
    if head.startswith(PARQUET):
        return RawFile(path, content, is_parquet=True)
    _check_text(path, head, columns)
    return RawFile(path, content)


def _head(path: Path, columns: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file", expected=f"a text file with {columns}")
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", expected=f"a file with {columns}") from error


def _check_magic(path: Path, head: bytes, magic: tuple[bytes, ...], kind: str) -> None:
    if head and not head.startswith(magic):
        raise InputError(f"{path} is not {kind}, as its name says", expected=f"{kind} data", next_step="Give the file the name that fits it, or make it again")


def _check_text(path: Path, head: bytes, columns: str) -> None:
    kind = next((name for magic, name in FOREIGN.items() if head.startswith(magic)), None)
    if head.startswith((GZIP, ZSTD)):
        ending = ".gz" if head.startswith(GZIP) else ".zst"
        raise InputError(f"{path} is compressed, and its name does not say so", expected="plain text", next_step=f"Name it {path.name}{ending}")
    if kind is None and len(head) - len(head.translate(None, CONTROLS)) > len(head) * 0.05:
        kind = "binary data"
    if kind is not None:
        raise InputError(f"{path} holds {kind}", expected=f"UTF-8 text with {columns}", next_step="Write it as text, one row a line")


def _unpacked(path: Path, target: Path) -> Path:
    written, limit = 0, max(BOMB_BYTES, path.stat().st_size * BOMB_RATIO)
    blocks = _gzip_blocks(path) if path.suffix == ".gz" else _zstd_blocks(path)
    try:
        with target.open("wb") as file:
            for block in blocks:
                written += file.write(block)
                if written > limit:
                    raise InputError(f"{path} grows to more than {BOMB_RATIO} times its size", expected="a compressed log", next_step="Unpack it by hand")
    except EOFError:
        raise InputError(f"{path} ends too early: a part of it is missing", expected="the whole file", next_step="Copy it again") from None
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise InputError(f"{path} is damaged ({error})", expected="what the compressor wrote", next_step="Copy it again") from None
    return target


def _gzip_blocks(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _zstd_blocks(path: Path) -> Iterator[bytes]:
    """Frame by frame, since zstd's own stream reader takes a file that was cut off for a whole one."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    with path.open("rb") as file:
        while piece := file.read(ZSTD_BLOCK_BYTES):
            while piece:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(piece)
                piece = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise EOFError
