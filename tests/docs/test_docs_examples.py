"""Files that the documentation hands out work: the settings page, the example configuration, the systemd units."""

from __future__ import annotations

import importlib.util
import random
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from doc_pages import REPOSITORY, Page

from homefeed.artifacts.processed import read_dataset
from homefeed.bootstrap.settings import load_config
from homefeed.core.progress import Silent
from homefeed.etl.pipeline import run_etl

DOCS, DEPLOY, GROCER = REPOSITORY / "docs", REPOSITORY / "deploy", REPOSITORY / "configs" / "grocer.toml"


def test_the_settings_page_is_what_config_py_says() -> None:
    generator = _module(DOCS / "generate_config.py")
    assert Page(DOCS / "config.md").text == generator.page(), "config.py has changed. Write the page again: python docs/generate_config.py"


def test_a_shop_with_the_columns_of_the_example_configuration_goes_through_the_etl(tmp_path: Path) -> None:
    _grocer_files(tmp_path / "raw_data")
    config = load_config(GROCER, {}, {"paths.data": tmp_path})
    run_etl(config, progress=Silent(), now=datetime.now(UTC))
    dataset = read_dataset(config.paths.processed)
    assert dataset.meta.seen.policy == "keep"
    assert set(dataset.train.weight.tolist()) == {1.0, 3.0, 5.0}
    assert set(dataset.users.bags) == {"diets"}
    assert dataset.items.numbers.shape[1] == 1
    assert not dataset.facts.available.all()


def test_the_blocks_of_toml_on_the_input_page_are_settings(tmp_path: Path) -> None:
    blocks = [block for block in Page(DOCS / "input.md").blocks if block.kind == "toml"]
    assert blocks
    for block in blocks:
        file = tmp_path / "homefeed.toml"
        file.write_text(block.text)
        load_config(file, {}, {}).shop_schema()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    units = [path for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer")]
    for path in units:
        text = path.read_text().replace("/opt/homefeed/.venv/bin/homefeed", str(shutil.which("true")))
        (tmp_path / path.name).write_text(text.replace("file:///opt/homefeed", "file:///"))
    done = subprocess.run(["systemd-analyze", "verify", *(str(tmp_path / path.name) for path in units)], capture_output=True, text=True, check=False)
    if "Failed to" in done.stderr and not any(path.name in done.stderr for path in units):
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")


def _grocer_files(folder: Path) -> None:
    """Two hundred views, clicks and purchases in the example's columns, without header rows."""
    folder.mkdir(parents=True)
    rng = random.Random(1)
    kinds = ("view", "view", "view", "click", "cart", "buy")
    rows = [(1_700_000_000 + 60 * n, f"u{rng.randrange(9)}", f"i{rng.randrange(12)}", 0, rng.choice(kinds), "home") for n in range(200)]
    _write(folder / "shop.dat", rows)
    _write(folder / "user_feature.dat", [(f"u{n}", "north", n or "", "vegan;gluten-free" if n % 2 else "") for n in range(9)])
    _write(
        folder / "item_feature.dat", [(f"i{n}", f"aisle {n % 3}", "acme", 0.5 * n, "organic;regional" if n % 2 else "organic", int(n > 1)) for n in range(12)]
    )


def _write(path: Path, rows: list[tuple[object, ...]]) -> None:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
