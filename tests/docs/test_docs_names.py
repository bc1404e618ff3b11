"""What the documentation names exists: links, files, commands and their flags, make targets, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import click
import pytest
from doc_pages import REPOSITORY, Page, code_of, pages

from homefeed.bootstrap.settings import load_config
from homefeed.cli import cli

PAGES = [pytest.param(page, id=page.name) for page in pages()]
DEPLOYED = sorted(path for folder in ("deploy", "configs") for path in (REPOSITORY / folder).iterdir())
SCRIPTS = {
    "src/etl/preprocessor.py": "etl",
    "src/training/train_recall_dssm_pointwise.py": "train recall",
    "src/training/train_recall_dssm_inbatch.py": "train recall",
    "src/training/train_rank_deepfm.py": "train rank",
    "src/serving/export_to_redis.py": "export",
    "src/serving/recall_api.py": "serve",
}
MADE = ("src/models/saved", "data/")
"""Paths that running the project makes."""


class Asked(dict[str, str]):
    """An environment that remembers which variables were looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: object = None) -> None:  # type: ignore[override]
        self.names.add(name)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: Page) -> None:
    for link in page.links:
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in Page(path).anchors, f"{page.name}: {link}"


def test_every_page_of_docs_is_reached_from_an_index() -> None:
    docs = REPOSITORY / "docs"
    linked = {(index.path.parent / link.partition("#")[0]).resolve() for index in map(Page, docs.rglob("index.md")) for link in index.links}
    missing = {page.path for page in pages() if docs in page.path.parents} - linked - {docs / "index.md"}
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_repository_that_is_named_exists(page: Page) -> None:
    named = [span for span in page.spans if re.fullmatch(r"(src|docs|deploy|configs|tests)/[\w./-]*", span) and not span.startswith(MADE)]
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_subcommand_and_flag_exists(page: Page) -> None:
    for line in code_of(page):
        _check_command(line, page.name)


def test_every_subcommand_and_flag_in_units_and_examples_exists() -> None:
    for path in DEPLOYED:
        for line in path.read_text().splitlines():
            _check_command(line.replace(".venv/bin/homefeed", "homefeed"), path.name)


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page: Page) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for line in code_of(page):
        for words in re.findall(r"^(?:\$ )?make((?: [A-Za-z_-]+(?:=\S+)?)+)", line):
            assert {word for word in words.split() if "=" not in word} <= targets, line


def test_every_variable_that_is_named_is_read_and_the_settings_page_has_them_all() -> None:
    asked = Asked()
    load_config(REPOSITORY / "configs" / "grocer.toml", asked, {})
    known = asked.names | {"RECSYS_CONFIG"}
    texts: Mapping[str, str] = {page.name: page.text for page in pages()} | {path.name: path.read_text() for path in DEPLOYED}
    for name, text in texts.items():
        assert set(re.findall(r"RECSYS_[A-Z_]*[A-Z]", text)) <= known, name
    assert set(re.findall(r"RECSYS_[A-Z_]*[A-Z]", texts["docs/config.md"])) == known


def _check_command(line: str, where: str) -> None:
    for name, words in _commands(line):
        command: click.Command = cli
        rest = [*name.split(), *words]
        while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
            found = command.commands.get(rest.pop(0))
            assert found is not None, f"{where}: {line}"
            command = found
        known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}
        flags = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert flags <= known, f"{where}: {line}"


def _commands(line: str) -> Iterator[tuple[str, list[str]]]:
    """(subcommand, words after it) of each `homefeed` and each script of the contract in a line of code."""
    for words in re.findall(r"(?:^|[\s`$])(?:\.venv/bin/)?homefeed((?: +[^\s`#|&;>)]+)*)", line):
        yield "", words.split()
    for path, words in re.findall(r"python (src/\S+\.py)((?: +[^\s`#|&;>)]+)*)", line):
        assert path in SCRIPTS, line
        yield SCRIPTS[path], words.split()


def test_a_flag_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(AssertionError):
        _check_command("homefeed export --rolback", "here")
    with pytest.raises(AssertionError):
        _check_command("homefeed train ranks", "here")


def test_every_file_that_is_deployed_is_on_a_page() -> None:
    told = "".join(Page(REPOSITORY / "docs" / name).text for name in ("nightly.md", "operations.md"))
    assert [path.name for path in (REPOSITORY / "deploy").iterdir() if f"deploy/{path.name}" not in told] == []
