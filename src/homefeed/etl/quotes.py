"""Quoted fields (RFC 4180): a field that begins with ``"`` ends with the next single one, and ``""`` within it stands for one."""

from __future__ import annotations

import mmap
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CELL = b"\x1f"
"""Separates the fields of a copy without quotes."""
LINE_BREAK = "\x1e"
"""Stands in a copy for a line break within a field (and for the few control characters that the copy needs for itself)."""
MAX_LINES = 50
"""A field that is not closed after so many lines was not meant as a quoted one."""
_STANDS_IN = bytes.maketrans(b"\n" + CELL, LINE_BREAK.encode() * 2)


@dataclass(frozen=True, slots=True)
class Record:
    """``lines``: how many lines it takes. ``is_literal``: some field begins with a quote that is never closed, and is read as it stands."""

    fields: list[bytes]
    lines: int = 1
    is_literal: bool = False


class Grammar:
    """How fields look between separators. Blanks around a pipe do not count."""

    def __init__(self, separator: str) -> None:
        sign, blank = re.escape(separator).encode(), b" *" if separator == "|" else b""
        self.separator, self.trims = separator.encode(), separator == "|"
        self.quoted = re.compile(blank + rb'"([^"]*(?:""[^"]*)*)"' + blank + b"(?=" + sign + rb"|\Z)")
        self.open = re.compile(blank + rb'"[^"]*(?:""[^"]*)*\Z')
        self.start = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\n" + sign + b"])" + blank + b'"')

    def split(self, line: bytes) -> list[bytes]:
        fields = line.split(self.separator)
        return [field.strip(b" ") for field in fields] if self.trims else fields

    def fields(self, text: bytes, *, may_go_on: bool = True, in_one_line: bool = True) -> tuple[list[bytes], bool] | None:
        """The fields, and whether one begins with a quote and does not end with one; None where one is not closed and ``may_go_on`` on the next line.

        Of several lines all must be well formed: a bad field ends the reading.
        """
        fields, at, is_literal = [], 0, False
        while not is_literal or in_one_line:
            found = self.quoted.match(text, at)
            if found is not None:
                fields.append(found[1].replace(b'""', b'"'))
                end = found.end()
            elif may_go_on and self.open.match(text, at):
                return None
            else:
                place = text.find(self.separator, at)
                end = place if place >= 0 else len(text)
                fields += self.split(text[at:end])
                is_literal |= fields[-1].startswith(b'"')
            if end == len(text):
                break
            at = end + 1
        return fields, is_literal


def records(lines: Iterable[bytes], grammar: Grammar, width: int | None = None) -> Iterator[Record]:
    """The records of a file's lines; one of several lines must have ``width`` fields, or its first line is read as it stands."""
    coming = _Lines(lines)
    while (line := coming.take()) is not None:
        text = _bare(line)
        if b'"' in text:
            yield _record(line, coming, grammar, width)
        else:
            yield Record(grammar.split(text) if text.strip() else [b""])


class _Lines:
    """Lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.rest, self.seen = iter(lines), deque[bytes]()

    def take(self) -> bytes | None:
        return self.seen.popleft() if self.seen else next(self.rest, None)

    def look(self, n: int) -> bytes | None:
        """The ``n``-th line from here, from 0."""
        while len(self.seen) <= n:
            line = next(self.rest, None)
            if line is None:
                return None
            self.seen.append(line)
        return self.seen[n]


def _record(line: bytes, coming: _Lines, grammar: Grammar, width: int | None) -> Record:
    """The record that begins with this line, together with the lines that its quoted fields go on over."""
    parsed, joined, further = grammar.fields(_bare(line)), line, 0
    while parsed is None and further < MAX_LINES and (following := coming.look(further)) is not None:
        joined, further = joined + following, further + 1
        parsed = grammar.fields(_bare(joined), in_one_line=False) if b'"' in following else None
    if parsed is None or (further and (parsed[1] or width not in (None, len(parsed[0])))):
        parsed, further = grammar.fields(_bare(line), may_go_on=False), 0
    for _ in range(further):
        coming.take()
    fields, is_literal = parsed or ([_bare(line)], True)
    return Record(fields, 1 + further, is_literal)


def holds_quotes(path: Path, grammar: Grammar) -> bool:
    """Whether any field of the file begins with a quote."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"') >= 0 and grammar.start.search(content) is not None


def write_without_quotes(path: Path, grammar: Grammar, width: int, target: Path) -> int:
    """A copy whose fields ``CELL`` separates, every record on the line on which it began; returns how many records are literal."""
    n_literal = 0
    with path.open("rb") as source, target.open("wb") as copy:
        for record in records(_without_mark(source), grammar, width):
            n_literal += record.is_literal
            copy.write(CELL.join(field.translate(_STANDS_IN) for field in record.fields))
            copy.write(b"\n" * record.lines)
    return n_literal


def _bare(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        yield line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
