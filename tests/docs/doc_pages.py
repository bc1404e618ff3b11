"""The documentation as data: pages, fenced blocks, code spans, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```(.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block. ``kind``: its first word, such as ``bash``; ``long``: marked so; ``line``: where its text begins, from 1."""

    page: str
    line: int
    kind: str
    long: bool
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Command lines without comments, prompts and the output beside them."""
        lines = [line.split("    #")[0].strip() for line in self.text.splitlines()]
        if any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        return [line for line in lines if line and not line.startswith("#")]


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return list(_blocks(self.name, self.text))

    @cached_property
    def prose(self) -> str:
        """The text without fenced blocks."""
        fenced, kept = False, []
        for line in self.text.splitlines():
            fence = FENCE.match(line)
            fenced ^= fence is not None
            kept.append("" if fenced or fence else line)
        return "\n".join(kept)

    @property
    def spans(self) -> list[str]:
        """Code inside running text."""
        return re.findall(r"`([^`\n]+)`", self.prose)

    @property
    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)\s]+)\)", self.prose)

    @property
    def anchors(self) -> set[str]:
        return {_slug(heading) for heading in re.findall(r"^#{1,6} (.+)$", self.prose, re.MULTILINE)}


def pages() -> list[Page]:
    """README first, the other pages of the root, then docs/."""
    root = sorted(REPOSITORY.glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
    return [Page(path) for path in (*root, *sorted((REPOSITORY / "docs").rglob("*.md")))]


def code_of(page: Page) -> list[str]:
    """Everything on a page that may be typed: lines of blocks other than printed text, and spans."""
    return [line for block in page.blocks if block.kind != "text" for line in block.text.splitlines()] + page.spans


def _blocks(name: str, text: str) -> Iterator[Block]:
    opened: tuple[int, str, str] | None = None
    body: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fence = FENCE.match(line)
        if fence and opened is None:
            opened, body = (number + 1, fence[2].strip(), fence[1]), []
        elif fence and opened:
            kind, *marks = opened[1].split() or ["text"]
            yield Block(name, opened[0], kind, "long" in marks, "\n".join(body))
            opened = None
        elif opened:
            body.append(line.removeprefix(opened[2]))
    assert opened is None, f"{name}: a fenced block has no end"


def _slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
