"""Raw logs to processed tables, from the first step to the last."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import narwhals as nw
import polars as pl

from homefeed.artifacts.dataset_meta import DatasetMeta
from homefeed.artifacts.processed_writer import read_feature_map, staged, write_feature_map, write_meta
from homefeed.config import Config
from homefeed.core.columns import AVAILABLE, IID, UID, Schema
from homefeed.core.progress import Progress
from homefeed.etl import encode, outputs, seen
from homefeed.etl.drawn_negatives import Drawn, draw_negatives, refuse_clicks_alone, refuse_shown_rows, with_drawn
from homefeed.etl.encode import MapTable
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.figures import Figures, describe_split, survey
from homefeed.etl.hotness import decayed_sums, own_moment
from homefeed.etl.merging import Merged, merge_labels
from homefeed.etl.orders import ORDER_COLUMNS, Attributed, attribute, encode_orders, with_orders
from homefeed.etl.orders_file import RawOrders, read_orders
from homefeed.etl.raw_features import ITEM_FILE, USER_FILE, RawFeatures, read_features
from homefeed.etl.raw_logs import RawLog, check_labels, read_log
from homefeed.etl.reading import Reading
from homefeed.etl.rejects import REJECTS_FILE, Rejects, check_limit, summary, write_rejects
from homefeed.etl.report import EtlReport
from homefeed.etl.schema_names import check_names
from homefeed.etl.split import Parted, part
from homefeed.features.hotness import HotnessRule, choose_rule


@dataclass(frozen=True, slots=True)
class RawShop:
    log: RawLog
    users: RawFeatures
    items: RawFeatures
    orders: RawOrders | None

    @property
    def detected(self) -> tuple[str, ...]:
        return (*self.log.detected, *self.users.detected, *self.items.detected, *(self.orders.detected if self.orders else ()))

    @property
    def rejects(self) -> tuple[Rejects, ...]:
        return (self.log.rejects, self.users.rejects, self.items.rejects, *([self.orders.rejects] if self.orders else []))


@dataclass(frozen=True, slots=True)
class EncodedShop:
    slots: MapTable
    new_slots: int
    users: pl.DataFrame
    items: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that the outputs are written from."""

    raw: RawShop
    shop: EncodedShop
    merged: Merged
    parted: Parted
    figures: Figures
    drawn: Drawn | None
    orders: Attributed | None
    rule: HotnessRule
    meta: DatasetMeta


def run_etl(config: Config, *, progress: Progress, now: datetime, new_map: bool = False) -> EtlReport:
    """Reads ``paths.raw``, writes ``paths.processed`` whole or not at all, and tells what it found.

    ``new_map`` starts a new lineage; ``now``: rows of a later day are rejects.
    Raises ``InputError`` for raw files that cannot be used, ``ArtifactError`` where they look like another shop's.
    """
    started = time.perf_counter()
    schema = config.shop_schema()
    check_names(schema)
    with staged(config.paths.processed) as folder, progress.task("ETL", 4, "steps") as advance:
        work = folder / "work"
        work.mkdir()
        raw = read_shop(config.paths.raw, schema, Reading.at(now, work, config.etl.separator))
        for line in raw.detected:
            progress.say(line)
        _keep_rejects(raw.rejects, config, folder, progress)
        check_labels(raw.log, negatives_are_drawn=config.etl.sample_negatives > 0)
        advance(1)
        shop = encode_shop(raw, schema, known_map(config.paths.processed, new_map))
        advance(1)
        prepared = prepare(config, schema, raw, shop, work / "log.parquet")
        advance(1)
        _write_rows(prepared, folder, work / "hotness.parquet")
        _write_entities(prepared, folder)
        advance(1)
    report = report_of(prepared, time.perf_counter() - started)
    for line in report.lines():
        progress.say(line)
    return report


def read_shop(folder: Path, schema: Schema, reading: Reading) -> RawShop:
    """The three files of the contract, and the orders where there are any."""
    log = read_log(folder, schema, reading)
    users = read_features(folder / USER_FILE, UID, schema.user, log, reading)
    items = read_features(folder / ITEM_FILE, IID, schema.item, log, reading)
    return RawShop(log, users, items, read_orders(folder, log.separator, reading))


def _keep_rejects(rejects: tuple[Rejects, ...], config: Config, folder: Path, progress: Progress) -> None:
    """Where there are any, at once to where the user will look for them: what fails later must not take them away. An empty list with the other files."""
    path, limit = config.paths.processed / REJECTS_FILE, config.etl.max_rejects
    write_rejects(rejects, folder / REJECTS_FILE)
    told = summary(rejects, path)
    if told:
        os.replace(folder / REJECTS_FILE, path)
    for line in told:
        progress.say(line)
    check_limit(rejects, limit, path)


def encode_shop(raw: RawShop, schema: Schema, known: MapTable) -> EncodedShop:
    """Grows the map by what it does not know yet, and looks up every tag."""
    encode.check_same_shop(known, raw.log)
    slots = known.grown(schema.map_fields(), encode.shop_values(schema, raw.log, raw.users, raw.items))
    users, items = encode.entities(raw.users, raw.log.users, UID, slots), encode.entities(raw.items, raw.log.items, IID, slots)
    if len(raw.items.off_sale):
        items = items.with_columns(pl.col(AVAILABLE) & ~pl.col("id").is_in(raw.items.off_sale.implode()))
    return EncodedShop(slots, slots.lineage.size - known.lineage.size, users, items)


def known_map(folder: Path, new_map: bool) -> MapTable:
    """The map of the runs before, or an empty one of a new lineage."""
    known = None if new_map else read_feature_map(folder)
    return MapTable(*known) if known else MapTable.empty(uuid.uuid4().hex[:8])


def prepare(config: Config, schema: Schema, raw: RawShop, shop: EncodedShop, encoded: Path) -> Prepared:
    """The log in slots (kept on disk for the passes to come), its split, and what is learned from the train side."""
    engine.write({encoded: encode.encode_log(raw.log, shop.slots)})
    merged = merge_labels(engine.scan(encoded))
    parted = part(merged.rows, config.etl.split, config.etl.test_fraction, raw.log.path)
    figures = survey(parted, raw.log.path)
    drawn = _drawn(config, parted, figures, raw.log.path, encoded.with_name("drawn.parquet"))
    train, test = figures.train, figures.test
    rule = choose_rule(config.hotness.half_life_days, config.hotness.prior_impressions, train.end_us - train.start_us)
    meta = DatasetMeta(
        schema=schema,
        lineage=shop.slots.lineage,
        split=describe_split(config.etl, parted.test_from_us, figures, shop.slots.lineage.id, config.train.seed),
        seen=seen.choose(config.seen, figures.repeats),
        half_life_days=rule.half_life_days,
        prior_impressions=rule.prior_impressions,
        log_end_us=max(train.end_us, test.end_us),
        train_end_us=train.end_us,
        ts_unit_us=raw.log.unit_us,
        rows={"train": train.rows, "test": test.rows, "users": len(shop.users), "items": len(shop.items)},
        sample_negatives=config.etl.sample_negatives,
    )
    return Prepared(raw, shop, merged, parted, figures, drawn, _attributed(config, raw, shop, parted), rule, meta)


def _attributed(config: Config, raw: RawShop, shop: EncodedShop, parted: Parted) -> Attributed | None:
    if raw.orders is None:
        return None
    return attribute(parted, encode_orders(raw.orders.rows, shop.slots), raw.orders.n_rows, config.orders.window)


def _drawn(config: Config, parted: Parted, figures: Figures, source: Path, path: Path) -> Drawn | None:
    if not config.etl.sample_negatives:
        refuse_clicks_alone(figures, source)
        return None
    refuse_shown_rows(figures, source)
    return draw_negatives(parted.rows, config.etl.sample_negatives, config.train.seed, path)


def _write_rows(prepared: Prepared, folder: Path, scores: Path) -> None:
    """Every row with its item's hotness at the row's own moment, which is kept on disk since both sides read it."""
    start_us = min(prepared.figures.train.start_us, prepared.figures.test.start_us)
    real, drawn = prepared.parted.rows, prepared.drawn
    engine.write({scores: own_moment(real, prepared.rule, start_us, drawn.rows if drawn else None)})
    shop, log, extras = prepared.shop, prepared.raw.log, prepared.raw.log.extras
    if prepared.orders:
        real, extras = with_orders(real, prepared.orders), (*extras, *ORDER_COLUMNS)
    outputs.write_rows(folder, with_drawn(real, drawn), engine.scan(scores), shop.users, shop.items, prepared.meta.schema, extras, log.unit_us)


def _write_entities(prepared: Prepared, folder: Path) -> None:
    """Users, items with their hotness at the end of the log and at the split, the map, and last what it all is."""
    rows, rule, shop, meta = prepared.parted.rows, prepared.rule, prepared.shop, prepared.meta
    split_us = prepared.parted.test_from_us or meta.train_end_us + 1
    at_end, at_split = engine.collect(decayed_sums(rows, meta.log_end_us + 1, rule), decayed_sums(rows.filter(~nw.col("test")), split_us, rule))
    outputs.write_users(folder, shop.users, meta.schema)
    outputs.write_items(folder, shop.items, meta.schema, at_end, at_split, prepared.figures.items, rule)
    write_feature_map(folder, shop.slots.lineage, shop.slots.table)
    write_meta(folder, meta, shop.slots.sizes())


def report_of(prepared: Prepared, seconds: float) -> EtlReport:
    """``seconds``: how long it took."""
    raw, shop, meta = prepared.raw, prepared.shop, prepared.meta
    return EtlReport(
        detected=raw.detected,
        merged=prepared.merged.removed,
        users=len(shop.users),
        items=len(shop.items),
        users_without_features=len(shop.users) - len(raw.users.ids),
        items_without_features=len(shop.items) - len(raw.items.ids),
        lineage=meta.lineage,
        new_slots=shop.new_slots,
        train=prepared.figures.train,
        test=prepared.figures.test,
        split=meta.split,
        seen=meta.seen,
        drawn=prepared.drawn,
        orders=prepared.orders,
        half_life_days=meta.half_life_days,
        seconds=seconds,
    )
