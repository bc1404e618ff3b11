"""Writes a Parquet file again, in a process of its own: over some damaged files the reader ends its process instead of raising.

Runs as a script: ``python parquet_copy.py SOURCE TARGET``. Exit code 1 with the reason on stdout, or another one with none, when it cannot be read.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl

DAMAGED = "it is damaged"


def copy_parquet(source: Path, target: Path) -> str:
    """Why ``source`` cannot be read; empty when ``target`` holds the same table in a file that is surely whole."""
    done = subprocess.run([sys.executable, __file__, str(source), str(target)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout.strip() or DAMAGED


def main(source: str, target: str) -> int:
    try:
        pl.scan_parquet(source, glob=False).sink_parquet(target, compression="lz4")
    except (OSError, pl.exceptions.PolarsError) as error:
        sys.stdout.write(str(error).splitlines()[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
