"""The writing side of the processed tables: whole or not at all.

Everything is first written into a staging folder; only then is ``meta.json`` removed, each file moved into its place, and ``meta.json`` moved last.
A run that fails or is killed leaves the old dataset, or (within the milliseconds of the moves) none, and in any case a whole feature map.
"""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from homefeed.artifacts.checksums import checksums, refuse_other_files
from homefeed.artifacts.dataset_meta import META, DatasetMeta, read_meta
from homefeed.artifacts.disk import full_disk_told, sync
from homefeed.artifacts.processed import FEATURE_MAP, ITEMS, PICKLE_MAP, PICKLE_META, TEST, TRAIN, USERS
from homefeed.core.columns import IID, TS, UID
from homefeed.core.errors import ArtifactError
from homefeed.features.feature_map import Fingerprint, Lineage

STAGING, LOCK = ".staging", ".lock"
LINEAGE_KEY = "lineage"
"""The map's own file names its lineage, so that the map outlives a run that was killed before ``meta.json``."""


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder to write into; on success its files (not its folders) take their places in ``folder``, on failure nothing changes.

    Raises ``ArtifactError`` while another run holds the folder, and on a full disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with full_disk_told(folder), (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtifactError(f"Another ETL is writing into {folder}", next_step="Wait until it ends, then run this again") from None
        staging = folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            _publish(staging, folder)
        finally:
            shutil.rmtree(staging)


def read_feature_map(folder: Path) -> tuple[Lineage, pl.DataFrame] | None:
    """The lineage and the table of the map that an earlier run left; None where there never was one.

    Raises ``ArtifactError`` when it is lost, damaged or older than the tables beside it: slots would be given away a second time, without a word.
    """
    path = folder / FEATURE_MAP
    if not path.exists():
        if (folder / META).exists():
            raise ArtifactError(f"{path} is missing, {META} beside it says that there was one", next_step=_BROKEN_MAP)
        return None
    meta = _meta_if_readable(folder)
    if meta is not None:  # before it is parsed: Polars ends the process over some damaged files
        refuse_other_files(folder, meta.files, (FEATURE_MAP,), _BROKEN_MAP)
    lineage, table = _parsed_map(path)
    if meta is not None and not lineage.fits(meta.lineage.fingerprint):
        ours, theirs = lineage.fingerprint, meta.lineage.fingerprint
        raise ArtifactError(f"{path} is another or an older map ({ours})", expected=f"that of {META} ({theirs})", next_step=_BROKEN_MAP)
    return lineage, table


def _parsed_map(path: Path) -> tuple[Lineage, pl.DataFrame]:
    try:
        raw: dict[str, Any] = json.loads(pl.read_parquet_metadata(path)[LINEAGE_KEY])
        lineage = Lineage(raw["id"], tuple(Fingerprint(**f) for f in raw["history"]))
        table = pl.read_parquet(path, columns=["field", "value", "slot"], glob=False)
        whole = lineage.names(table.sort("slot").select("field", "value").rows()) and table["slot"].sort().to_list() == list(range(1, len(table) + 1))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, LookupError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path} cannot be read ({error})", expected="the feature map of an earlier run", next_step=_BROKEN_MAP) from error
    if not whole:
        raise ArtifactError(f"{path} is damaged: its {len(table):,} entries are not those that its lineage {lineage.id} has given slots", next_step=_BROKEN_MAP)
    return lineage, table


def _meta_if_readable(folder: Path) -> DatasetMeta | None:
    """A lost description does not cost the map."""
    try:
        return read_meta(folder)
    except ArtifactError:
        return None


_BROKEN_MAP = "Bring it back from a backup; or start over with a new map, which makes published lists and checkpoints useless: --new-map"


def write_feature_map(folder: Path, lineage: Lineage, table: pl.DataFrame) -> None:
    """The map as Parquet for us and as the contract's pickle ``"col=value" -> int``, which we never load."""
    table.write_parquet(folder / FEATURE_MAP, metadata={LINEAGE_KEY: json.dumps(asdict(lineage))})
    names = table.select(pl.concat_str("field", pl.lit("="), "value")).to_series()
    _write_pickle(folder / PICKLE_MAP, dict(zip(names.to_list(), table["slot"].to_list(), strict=True)))


def write_meta(folder: Path, meta: DatasetMeta, field_sizes: Mapping[str, int]) -> None:
    """``meta.json`` for us, with the checksums of the files in ``folder``, and the contract's ``meta_data.pkl``: a plain dict of built-ins, never loaded.

    ``field_sizes``: number of slots of each field of the map.
    """
    files = checksums(folder, (USERS, ITEMS, TRAIN, TEST, FEATURE_MAP))
    (folder / META).write_text(replace(meta, files=files).to_json(), encoding="utf-8")
    size, columns = meta.lineage.size + 1, meta.schema.csv_columns()
    numbers = {c.name for c in (*meta.schema.user, *meta.schema.item) if c.kind == "number"}
    content = {
        "feature_dim": size,
        "feature_size": size,
        "sparse_features": [c for c in columns if c in field_sizes],
        "dense_features": ["global_score", *(c for c in columns if c in numbers)],
        "user_features": [UID, *(c.name for c in meta.schema.user if c.kind != "flag")],
        "item_features": list(columns[columns.index(IID) : -1]),
        "columns": list(columns),
        "label": columns[-1],
        "time": TS,
        "vocabulary_sizes": dict(field_sizes),
        "lineage": meta.lineage.id,
        "rows": dict(meta.rows),
    }
    _write_pickle(folder / PICKLE_META, content)


def _write_pickle(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        pickle.dump(content, file, protocol=4)


def _publish(staging: Path, folder: Path) -> None:
    """``meta.json`` goes first and comes last: in between nobody takes what lies there for a dataset, and the checksums in it name its files."""
    files = [path for path in staging.iterdir() if path.is_file()]
    for path in files:
        sync(path)
    (folder / META).unlink(missing_ok=True)
    sync(folder)
    for path in sorted(files, key=lambda p: (p.name == META, p.name != FEATURE_MAP, p.name)):
        os.replace(path, folder / path.name)
    sync(folder)
