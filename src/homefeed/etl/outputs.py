"""The tables that the ETL leaves, from the encoded log and the entities."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import numpy as np
import polars as pl

from homefeed.artifacts.processed import CSV_HOTNESS, CSV_TEST, CSV_TRAIN, ITEMS, TEST, TRAIN, USERS
from homefeed.core.columns import AVAILABLE, IID, LABEL, TS, UID, Column, Schema, categories, multis, numbers
from homefeed.etl.drawn_negatives import DRAWN
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.features.hotness import HotnessRule, global_score, smoothed_lift

BY_TIME = ("ts_us", "row", DRAWN, "item")


def write_rows(
    folder: Path, rows: Table, hotness: Table, users: pl.DataFrame, items: pl.DataFrame, schema: Schema, extras: tuple[str, ...], unit_us: int
) -> None:
    """Train and test by time, as Parquet and as the contract's CSV, in one pass. ``rows``: the log with the columns ``test`` and ``drawn``."""
    tags = _tags(users, schema.user, "user"), _tags(items, schema.item, "item")
    wide = rows.join(hotness, on=["item", "ts_us"])
    for table, key in zip(tags, ("user", "item"), strict=True):
        if len(table.collect_schema()) > 1:
            wide = wide.join(table, on=key, how="left")
    by_time = wide.sort(*BY_TIME)
    typed = [nw.col("ts_us", "user", "item", "label", "weight"), nw.col("hotness").cast(nw.Float32), nw.col(DRAWN), *(nw.col(name) for name in extras)]
    named = {TS: nw.col("ts_us") // unit_us, UID: nw.col("user"), IID: nw.col("item"), LABEL: nw.col("label")}
    contract = [named.get(name, nw.col(f"tag_{name}")).alias(name) for name in schema.csv_columns()]
    train, test = by_time.filter(~nw.col("test")), by_time.filter(nw.col("test"))
    engine.write(
        {
            folder / TRAIN: train.select(typed),
            folder / TEST: test.select(typed),
            folder / CSV_TRAIN: train.select(contract),
            folder / CSV_TEST: test.select(contract),
        }
    )


def write_users(folder: Path, users: pl.DataFrame, schema: Schema) -> None:
    users.select("id", "slot", *_typed(schema.user)).write_parquet(folder / USERS)


def write_items(
    folder: Path, items: pl.DataFrame, schema: Schema, at_end: pl.DataFrame, at_split: pl.DataFrame, clicks: pl.DataFrame, rule: HotnessRule
) -> None:
    """The items with their hotness at the end of the log and at the split, and the contract's ``item_global_score.csv``.

    ``at_end``, ``at_split``: decayed sums by ``item`` slot; ``clicks``: ``clicks_split`` by ``item`` slot.
    """
    end, split = (_scored(items, sums, rule) for sums in (at_end, at_split))
    clicked = items.select("slot").join(clicks, left_on="slot", right_on="item", how="left", maintain_order="left")["clicks_split"].fill_null(0)
    available = items[AVAILABLE].fill_null(True) if AVAILABLE in items.columns else pl.Series(AVAILABLE, np.ones(len(items), np.bool_))
    facts = [available, end["global_score"].alias("hotness_end"), split["global_score"].alias("hotness_split"), clicked.cast(pl.Int64)]
    items.select("id", "slot", *_typed(schema.item)).with_columns(facts).write_parquet(folder / ITEMS)
    scores = items.select(pl.col("id").alias(IID), pl.col("slot").alias("slot_id"))
    scores.with_columns(end["global_score"], end["rows"].alias("impression_count"), end["ctr_mean"]).write_csv(folder / CSV_HOTNESS)


def _scored(items: pl.DataFrame, sums: pl.DataFrame, rule: HotnessRule) -> pl.DataFrame:
    """``rows``, ``global_score`` and ``ctr_mean`` (smoothed) for each item, in the order of ``items``."""
    joined = items.select("slot").join(sums, left_on="slot", right_on="item", how="left", maintain_order="left").fill_null(0)
    impressions, clicks = joined["impressions"].to_numpy(), joined["clicks"].to_numpy()
    total, total_clicks = float(impressions.sum()), float(clicks.sum())
    lift = smoothed_lift(impressions, clicks, total, total_clicks, rule)
    ctr = lift * (total_clicks / total) if total_clicks else np.zeros_like(lift)
    return joined.select("rows", pl.Series("global_score", global_score(impressions, lift, total, len(sums))), pl.Series("ctr_mean", ctr))


def _tags(entities: pl.DataFrame, columns: tuple[Column, ...], key: str) -> Table:
    names = [pl.col(c.name).alias(f"tag_{c.name}") for c in columns if c.kind != "flag"]
    return engine.from_memory(entities.select(pl.col("slot").alias(key), *names))


def _typed(columns: tuple[Column, ...]) -> list[pl.Expr]:
    """Columns as training reads them: categories, then bags of element slots, then numbers."""
    bags = [pl.col(c.element_field).fill_null([]).alias(c.name) for c in multis(columns)]
    return [*(pl.col(c.name) for c in categories(columns)), *bags, *(pl.col(c.name).cast(pl.Float32) for c in numbers(columns))]
