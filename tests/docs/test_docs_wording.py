"""Words and addresses that have no place in the documentation."""

from __future__ import annotations

import re

import pytest
from doc_pages import REPOSITORY, Page, pages

PAGES = [pytest.param(page, id=page.name) for page in pages()]
UNFINISHED = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem ipsum|coming soon)\b", re.IGNORECASE)
HOSTS = {"download.pytorch.org", "keepachangelog.com", "semver.org", "shop.example", "www.shop.example", "localhost:8000", "127.0.0.1:8000", "0.0.0.0:8000"}
TOP_LEVEL = {"path", "opt", "etc", "usr", "var", "health", "recall", "recommend", "feed"}
"""First parts of absolute paths that mean the same for every reader: examples, a deployed system's places, routes."""


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_unfinished(page: Page) -> None:
    assert UNFINISHED.findall(page.text) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_address_leads_elsewhere_than_to_known_sites(page: Page) -> None:
    assert set(re.findall(r"https?://([^/\s,'\"`)]+)", page.text)) <= HOSTS


@pytest.mark.parametrize("page", PAGES)
def test_no_path_of_somebodys_machine_is_named(page: Page) -> None:
    without_urls = re.sub(r"https?://\S+", "", page.text)
    assert set(re.findall(r"(?<![\w.>})\]*/])/([a-z]+)/", without_urls)) <= TOP_LEVEL


@pytest.mark.parametrize("page", PAGES)
def test_there_are_no_emoji(page: Page) -> None:
    assert [letter for letter in page.text if ord(letter) > 0xFFFF or 0x2600 <= ord(letter) <= 0x27BF] == []


def test_the_picture_says_in_words_what_it_shows() -> None:
    assert re.search(r"!\[.{40,}\]\(docs/feed\.svg\)", Page(REPOSITORY / "README.md").text)
    picture = (REPOSITORY / "docs" / "feed.svg").read_text()
    assert "<title" in picture
    assert "<desc" in picture
