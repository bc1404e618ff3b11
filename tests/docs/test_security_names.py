"""What SECURITY.md promises is tested: every test that it names exists, and every promise names one."""

from __future__ import annotations

import re

from doc_pages import REPOSITORY

PAGE = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
NAME = re.compile(r"`(test_\w+)`")


def test_every_test_that_is_named_exists() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "tests").rglob("test_*.py")))
    defined = set(re.findall(r"^\s*def (test_\w+)\(", source, re.MULTILINE))
    assert set(NAME.findall(PAGE)) - defined == set()


def test_every_promise_names_a_test_that_breaks_it() -> None:
    promises = re.split(r"^- \*\*", PAGE.partition("## What is promised")[2].partition("## What is not promised")[0], flags=re.MULTILINE)[1:]
    assert len(promises) > 10
    assert [promise.splitlines()[0] for promise in promises if not NAME.search(promise)] == []
