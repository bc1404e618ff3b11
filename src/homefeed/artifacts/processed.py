"""The processed tables as the ETL leaves them and training reads them: typed Parquet and JSON beside the contract's CSV files and pickles.

Files in ``data/processed``:

``meta.json``            what the other files are (``DatasetMeta``), with their checksums; written last, so that a folder without it is not a dataset
``feature_map.parquet``  ``field`` str, ``value`` str, ``slot`` i32
``users.parquet``        ``id`` str, ``slot`` i32, a category column: i32 slot, a multi column: list[i32] slots, a number column: f32 (null: missing)
``items.parquet``        the same, and ``available`` bool, ``hotness_end`` f64, ``hotness_split`` f64, ``clicks_split`` i64
``train.parquet``        ``ts_us`` i64, ``user`` i32 slot, ``item`` i32 slot, ``label`` i8, ``weight`` f32, ``hotness`` f32 (at its own moment),
``test.parquet``         ``drawn`` bool (``--sample-negatives``), and ``position`` i32, ``propensity`` f64, ``surface`` str where the log has them,
                         ``ordered`` i8, ``value`` f32 where there were orders (null in a drawn row)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homefeed.artifacts.checksums import refuse_other_files
from homefeed.artifacts.dataset_meta import MAKE_AGAIN, META, DatasetMeta, read_meta
from homefeed.core.columns import AVAILABLE, ORDERED, POSITION, PROPENSITY, VALUE, Column, categories, multis, numbers
from homefeed.core.errors import ArtifactError
from homefeed.features.entities import EntityTable

FEATURE_MAP, USERS, ITEMS, TRAIN, TEST = "feature_map.parquet", "users.parquet", "items.parquet", "train.parquet", "test.parquet"
CSV_TRAIN, CSV_TEST, PICKLE_META, PICKLE_MAP, CSV_HOTNESS = "train.csv", "test.csv", "meta_data.pkl", "feature_map.pkl", "item_global_score.csv"

PAGE_CLICK_RATE = 0.3
"""No page's items are clicked more often. A log beyond that holds clicks or opinions alone, and not what was shown."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """N log rows. ``user`` and ``item``: int32[N], rows of the entity tables; ``hotness``: the item's global_score just before ``ts_us``.

    ``drawn``: bool[N], rows that were drawn and never shown; where all ``label`` of the others are 1, these are all the 0 rows there are.
    ``position``: int32[N], the place on the page, 0 where the row names none; ``propensity``: float64[N], the logging policy's probability of showing the
    item there, NaN where the row names none. None where the log has no such column.
    ``ordered``: float32[N], 1 where the click led to an order, else 0; ``value``: float32[N], what its orders were worth, 0 without one. None where the shop
    has no file of orders. A row of the train side knows no order from the split on.
    """

    ts_us: npt.NDArray[np.int64]
    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    label: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    hotness: npt.NDArray[np.float32]
    drawn: npt.NDArray[np.bool_]
    position: npt.NDArray[np.int32] | None = None
    propensity: npt.NDArray[np.float64] | None = None
    ordered: npt.NDArray[np.float32] | None = None
    value: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.ts_us)

    @property
    def are_impressions(self) -> bool:
        """Whether these rows are what pages showed."""
        return len(self) > 0 and bool(self.label.mean() < PAGE_CLICK_RATE)

    def of_the_log(self) -> Interactions:
        """Without the drawn rows."""
        return self.take(~self.drawn) if self.drawn.any() else self

    def take(self, index: npt.NDArray[Any]) -> Interactions:
        kept: dict[str, Any] = {name: column[index] for name in self.__slots__ if (column := getattr(self, name)) is not None}
        return Interactions(**kept)

    @classmethod
    def concatenate(cls, parts: list[Interactions]) -> Interactions:
        """All of one log: a column is in each of them or in none."""
        names = [name for name in cls.__slots__ if getattr(parts[0], name) is not None]
        columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(**columns)


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """By row of the item table (row 0: the unknown item). Hotness at the end of the log, and at the split from train rows alone."""

    available: npt.NDArray[np.bool_]
    hotness_end: npt.NDArray[np.float32]
    hotness_split: npt.NDArray[np.float32]
    clicks_split: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ProcessedDataset:
    meta: DatasetMeta
    users: EntityTable
    items: EntityTable
    facts: ItemFacts
    train: Interactions
    test: Interactions

    @property
    def map_size(self) -> int:
        return self.meta.lineage.size


def read_dataset(folder: Path) -> ProcessedDataset:
    """Raises ``ArtifactError`` when there is no whole ETL output, or where a file is not of the same run as the others."""
    meta = read_meta(folder)
    if meta is None:
        raise ArtifactError(f"No processed data in {folder}", expected=f"{META} and the tables beside it", next_step="Make them: homefeed etl")
    refuse_other_files(folder, meta.files, (USERS, ITEMS, TRAIN, TEST), MAKE_AGAIN)
    try:
        return _read_tables(folder, meta)
    except (OSError, IndexError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ArtifactError(f"The tables in {folder} cannot be read: {str(error).splitlines()[0]}", next_step=MAKE_AGAIN) from error


_BROKEN_MAP = "Bring it back from a backup and run homefeed etl; or start over with a new map: homefeed run --new-map"


def read_tag_slots(folder: Path, fields: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """The part of the feature map that holds these fields: field -> value -> slot. Raises ``ArtifactError`` when it cannot be read."""
    path, meta = folder / FEATURE_MAP, read_meta(folder)
    if meta is not None:
        refuse_other_files(folder, meta.files, (FEATURE_MAP,), _BROKEN_MAP)
    try:
        frame = pl.read_parquet(path, columns=["field", "value", "slot"], glob=False).filter(pl.col("field").is_in(fields))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ArtifactError(f"{path} cannot be read: {str(error).splitlines()[0]}", next_step=_BROKEN_MAP) from error
    return {f: dict(frame.filter(pl.col("field") == f).select("value", "slot").iter_rows()) for f in fields}


def _read_tables(folder: Path, meta: DatasetMeta) -> ProcessedDataset:
    users_frame, items_frame = (pl.read_parquet(folder / name, glob=False) for name in (USERS, ITEMS))
    users, items = _entities(users_frame, meta.schema.user), _entities(items_frame, meta.schema.item)
    user_rows, item_rows = users.rows_by_slot(meta.lineage.size), items.rows_by_slot(meta.lineage.size)
    train, test = (_interactions(pl.read_parquet(folder / name, glob=False), user_rows, item_rows) for name in (TRAIN, TEST))
    return ProcessedDataset(meta, users, items, _facts(items_frame), train, test)


def _entities(frame: pl.DataFrame, columns: tuple[Column, ...]) -> EntityTable:
    names = ["slot", *(c.name for c in categories(columns))]
    slots = np.vstack([np.zeros((1, len(names)), np.int32), frame.select(names).fill_null(0).to_numpy().astype(np.int32)])
    bags = {c.name: _padded(frame[c.name]) for c in multis(columns)}
    values = frame.select([pl.col(c.name).cast(pl.Float32) for c in numbers(columns)])
    missing = np.full((1, values.width), np.nan, np.float32)
    return EntityTable(["", *frame["id"].to_list()], slots, bags, np.vstack([missing, values.fill_null(float("nan")).to_numpy().reshape(len(frame), -1)]))


def _padded(lists: pl.Series) -> npt.NDArray[np.int32]:
    """int32[1 + N, L]: the lists, 0-padded; row 0 is empty."""
    width = max(int(lists.list.len().to_numpy().max(initial=0)), 1)
    padded = np.zeros((1 + len(lists), width), np.int32)
    for row, values in enumerate(lists.to_list(), start=1):
        padded[row, : len(values or ())] = values or ()
    return padded


def _interactions(frame: pl.DataFrame, user_rows: npt.NDArray[np.int32], item_rows: npt.NDArray[np.int32]) -> Interactions:
    return Interactions(
        frame["ts_us"].to_numpy(),
        user_rows[frame["user"].to_numpy()],
        item_rows[frame["item"].to_numpy()],
        frame["label"].to_numpy().astype(np.float32),
        frame["weight"].to_numpy().astype(np.float32),
        frame["hotness"].to_numpy().astype(np.float32),
        frame["drawn"].to_numpy(),
        position=frame[POSITION].fill_null(0).to_numpy().astype(np.int32) if POSITION in frame.columns else None,
        propensity=frame[PROPENSITY].fill_null(float("nan")).to_numpy() if PROPENSITY in frame.columns else None,
        ordered=frame[ORDERED].fill_null(0).to_numpy().astype(np.float32) if ORDERED in frame.columns else None,
        value=frame[VALUE].fill_null(0).to_numpy().astype(np.float32) if VALUE in frame.columns else None,
    )


def _facts(frame: pl.DataFrame) -> ItemFacts:
    def column(name: str, dtype: Any) -> npt.NDArray[Any]:
        values = frame[name].to_numpy().astype(dtype)
        return np.concatenate([np.zeros(1, dtype), values])

    return ItemFacts(column(AVAILABLE, np.bool_), column("hotness_end", np.float32), column("hotness_split", np.float32), column("clicks_split", np.int64))
