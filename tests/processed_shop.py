"""The planted-taste shop, through the ETL: a small dataset with everything in it that training reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homefeed.artifacts.processed import ProcessedDataset, read_dataset
from homefeed.config import Config
from homefeed.core.progress import Silent
from homefeed.etl.pipeline import run_etl
from homefeed.simulation.planted import planted_taste_shop


def processed_shop(data: Path, *, users: int = 60, items: int = 30, clicks_alone: bool = False, **settings: Any) -> ProcessedDataset:
    """``data``: a folder for ``raw_data`` and ``processed``. ``settings``: sections of the configuration. ``clicks_alone``: a log without 0 rows."""
    planted_taste_shop(data / "raw_data", users=users, cold_users=6, items=items)
    if clicks_alone:
        keep_clicks(data / "raw_data" / "shop.dat")
    config = Config.model_validate({"paths": {"data": str(data)}, **settings})
    run_etl(config, progress=Silent(), now=datetime.now(UTC))
    return read_dataset(config.paths.processed)


def keep_clicks(log: Path) -> None:
    """The log of a shop that keeps nothing but its clicks."""
    log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if line.rstrip().endswith("1")))
