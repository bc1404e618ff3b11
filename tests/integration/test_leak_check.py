"""`homefeed leak-check` on a trained shop's files: clean ones pass, and each tampered file is named with exit code 1."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from processed_shop import processed_shop

from homefeed.artifacts.checkpoint import DEEPFM, POINTWISE, checkpoint_path, read_checkpoint, reported, write_checkpoint
from homefeed.artifacts.checksums import checksums
from homefeed.artifacts.dataset_meta import META, DatasetMeta, read_meta
from homefeed.artifacts.processed import FEATURE_MAP, ITEMS, TEST, TRAIN, USERS
from homefeed.cli import cli

QUICK = "[recall]\nmax_epochs = 1\noutput_dim = 8\n[rank]\nmax_epochs = 1\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    processed_shop(folder / "data")
    (folder / "homefeed.toml").write_text(QUICK)
    for words in (("train", "recall"), ("train", "rank")):
        assert homefeed(folder, *words)[0] == 0
    return folder


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "shop"))


def homefeed(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    places = ("--config", str(folder / "homefeed.toml"), "--data", str(folder / "data"), "--models", str(folder / "models"))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = cli.main([*words, *places], standalone_mode=False)
    return int(code or 0), printed.getvalue()


def leaks(folder: Path) -> list[tuple[str, str]]:
    """Check and place of each leak that is found."""
    code, printed = homefeed(folder, "leak-check", "--json")
    report = json.loads(printed)
    found = [(look["name"], leak["where"]) for look in report["looks"] for leak in look["leaks"]]
    assert (code, report["passed"]) == (int(bool(found)), not found)
    return found


def tamper(folder: Path, name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a table, and its checksum: a leak is no damage."""
    processed = folder / "data" / "processed"
    change(pl.read_parquet(processed / name)).write_parquet(processed / name)
    write_meta_again(processed)


def write_meta_again(processed: Path) -> None:
    text = replace(meta_of(processed), files=checksums(processed, (USERS, ITEMS, TRAIN, TEST, FEATURE_MAP))).to_json()
    (processed / META).write_text(text)


def meta_of(processed: Path) -> DatasetMeta:
    meta = read_meta(processed)
    assert meta is not None
    return meta


def test_a_clean_shop_passes_and_says_what_was_looked_at(shop: Path) -> None:
    code, printed = homefeed(shop, "leak-check")
    assert code == 0
    assert printed.endswith("No leak found.\n")
    for name in ("sides", "hotness at a row's own moment", "labels in columns", f"rows that {POINTWISE}.report has seen", "shuffled labels"):
        assert f"  ok    {name}: " in printed


def test_before_training_the_data_is_looked_at_and_the_models_are_named_as_not(shop: Path) -> None:
    shutil.rmtree(shop / "models")
    code, printed = homefeed(shop, "leak-check")
    assert code == 0
    assert printed.count("  not   ") == 2
    assert f"there is no {shop / 'models' / 'deepfm.report.pth'}" in printed


def test_each_leak_in_a_table_is_named(shop: Path) -> None:
    tamper(shop, TRAIN, lambda rows: rows.with_columns(hotness=(pl.col("hotness") + 0.1 * pl.col("label")).cast(pl.Float32)))
    tamper(shop, ITEMS, lambda items: items.with_columns(hotness_split="hotness_end"))
    tamper(shop, TRAIN, lambda rows: pl.concat([rows, pl.read_parquet(shop / "data" / "processed" / TEST).head(1)]))
    found = leaks(shop)
    assert ("hotness at a row's own moment", "hotness in train.parquet and test.parquet") in found
    assert ("items at the split", "hotness_split in items.parquet") in found
    assert ("sides", "train.parquet and test.parquet") in found
    assert ("sides", "train.parquet") in found


def test_a_report_is_printed_with_place_number_example_and_next_step(shop: Path) -> None:
    tamper(shop, ITEMS, lambda items: items.with_columns(clicks_split=pl.col("clicks_split") + 1))
    code, printed = homefeed(shop, "leak-check")
    assert code == 1
    for line in (
        "  LEAK  items at the split",
        "  where: clicks_split in items.parquet",
        "  how many: 30",
        "  example: iid ",
        "  next step: Make it again: homefeed etl",
    ):
        assert line in printed
    assert printed.endswith("1 leak found: figures of this data flatter.\n")


def test_the_served_model_under_the_reported_name_is_named(shop: Path) -> None:
    """Copied as it is, and with a label that lies."""
    shutil.copy(checkpoint_path(shop / "models", DEEPFM), checkpoint_path(shop / "models", reported(DEEPFM)))
    assert leaks(shop)[-1] == ("rows that deepfm.report has seen", "deepfm.report.pth")
    meta = meta_of(shop / "data" / "processed")
    honest = read_checkpoint(shop / "models", reported(POINTWISE), meta)
    served = read_checkpoint(shop / "models", POINTWISE, meta)
    write_checkpoint(shop / "models", reported(POINTWISE), replace(honest, model=served.model))
    assert (f"rows that {POINTWISE}.report has seen", f"{POINTWISE}.report.pth") in leaks(shop)


def test_figures_that_another_model_made_are_named(shop: Path) -> None:
    meta = meta_of(shop / "data" / "processed")
    honest = read_checkpoint(shop / "models", reported(DEEPFM), meta)
    write_checkpoint(shop / "models", reported(DEEPFM), replace(honest, metrics={**honest.metrics, "auc": honest.metrics["auc"] + 0.05}))
    _, printed = homefeed(shop, "leak-check")
    assert "figures that the checkpoint keeps are not those of its own model" in printed
