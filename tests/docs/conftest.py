"""One shop for all commands of the documentation: the README's steps in their order, then its API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from doc_pages import pages
from docs_shop import Shop, api_of, open_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """After the README's quick steps: ETL, both models, export."""
    with open_shop(tmp_path_factory.mktemp("docs") / "checkout") as shop:
        steps = [command for block in pages()[0].blocks if block.kind == "bash" and not block.long for command in block.commands]
        for command in steps:
            if command.startswith("python src/"):
                done = shop.run(command)
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        yield shop


@pytest.fixture(scope="session")
def api(shop: Shop) -> Iterator[Shop]:
    """The same, with its API running."""
    with api_of(shop):
        yield shop
