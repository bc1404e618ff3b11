"""The folder of all bundles, ``data/releases/``: which one is live, and which make room. ``LIVE`` names the release that was last made the live one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from homefeed.artifacts.bundle_files import RECORD
from homefeed.artifacts.disk import whole_file

LIVE = "LIVE"


def write_live(root: Path, release_id: str) -> None:
    """Remember, whole or not at all, which release was made the live one: what an API serves that starts while the store is out."""
    with whole_file(root / LIVE) as fresh:
        fresh.write_text(release_id + "\n")


def read_live(root: Path) -> str | None:
    """The id that ``write_live`` left; None where it never did. Nobody vouches that a bundle of this name is there."""
    path = root / LIVE
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def ids_on_disk(root: Path) -> list[str]:
    """Releases with a bundle: the one that was last made live, then the others, newest first: those may be rolled back or never published."""
    live = read_live(root)
    others = sorted((record.parent.name for record in root.glob(f"[!.]*/{RECORD}")), reverse=True)
    return [live, *(release_id for release_id in others if release_id != live)] if live else others


def prune_bundles(root: Path, keep: int, protect: Sequence[str]) -> None:
    """Delete the oldest bundles beyond ``keep``, and staging left by a killed export; never those in ``protect``."""
    for leftover in root.glob(".*.tmp"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
    ids = sorted(path.name for path in root.iterdir() if path.is_dir())
    for release_id in ids[: max(len(ids) - keep, 0)]:
        if release_id not in protect:
            shutil.rmtree(root / release_id)
