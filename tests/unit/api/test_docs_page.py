"""The description, and the page made of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from homefeed.api.docs_page import DOCS_POLICY, docs_page
from homefeed.api.openapi import openapi
from homefeed.api.openapi_schemas import ERROR_CODES
from homefeed.api.parameters import MAX_OFFSET, RECALL, RECOMMEND


class Page(HTMLParser):
    """Text, tags, and every address that the page names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(docs_page(openapi(needs_token=False)))


def test_the_page_is_whole_html_that_needs_nothing_from_elsewhere(page: Page) -> None:
    assert page.open == []
    assert page.tags & {"script", "img", "iframe", "link", "object"} == set()
    assert all(address == "openapi.json" or address[1:] in page.ids for address in page.addresses)
    assert "default-src 'none'" in DOCS_POLICY


def test_the_page_shows_every_route_bound_and_error(page: Page) -> None:
    text = "\n".join(page.words)
    for path in openapi(needs_token=False)["paths"]:
        assert f"GET {path}" in text
    for bound in (f"1 to {RECOMMEND.max_top_k}, default {RECOMMEND.default_top_k}", f"1 to {RECALL.max_top_k}", f"0 to {MAX_OFFSET}", *ERROR_CODES):
        assert bound in text
    assert "{'" not in text


def test_the_lock_is_shown_where_there_is_one() -> None:
    locked, free = docs_page(openapi(needs_token=True)), docs_page(openapi(needs_token=False))
    assert len(re.findall("Needs <code>Authorization", locked)) == 3
    assert "Needs <code>Authorization" not in free
    assert "401" not in free


def test_every_reference_of_the_description_leads_somewhere() -> None:
    description = openapi(needs_token=True)
    references = re.findall(r"'#/components/(\w+)/(\w+)'", str(description))
    assert len(references) > 30
    assert all(name in description["components"][kind] for kind, name in references)
    used = set(references)
    assert all((kind, name) in used for kind in ("schemas", "responses", "parameters") for name in description["components"][kind])
