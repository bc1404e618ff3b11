"""A set of raw files as ``homefeed`` expects them: unpacked, in the workplace's ``data/raw_data``."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from benchmarks.process import Workplace
from homefeed.core.errors import InputError

_FILES = ("shop.dat", "user_feature.dat", "item_feature.dat", "order.dat")
TRUTH = "truth.npz"


def bring(place: Workplace, folder: Path) -> None:
    """Copy the raw files of ``folder``, gzipped or not; ``truth.npz`` stays where it is, so that nothing can learn from it. Raises ``InputError``."""
    raw = place.data / "raw_data"
    raw.mkdir(parents=True)
    for name in _FILES:
        plain, packed = folder / name, folder / f"{name}.gz"
        if plain.exists():
            shutil.copyfile(plain, raw / name)
        elif packed.exists():
            with gzip.open(packed, "rb") as source, (raw / name).open("wb") as target:
                shutil.copyfileobj(source, target)
    if not (raw / "shop.dat").exists():
        raise InputError(f"No shop.dat in {folder}", expected="a folder of raw files, gzipped or not", next_step="Name it: --data FOLDER --set NAME")
