"""A shop's raw files looked at without running anything: what an ETL would read, what would stop it, and what it would swallow in silence.

It reads with the ETL's own code and rehearses its steps up to the tables; unlike the ETL it goes on after the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import polars as pl

from homefeed.artifacts.disk import is_disk_full
from homefeed.config import Config
from homefeed.core.columns import IID, LABEL, TS, UID, Column, Schema
from homefeed.core.errors import HomefeedError, InputError
from homefeed.etl.encode import MapTable, known_shares
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.events import LabelRule
from homefeed.etl.id_overlap import overlap
from homefeed.etl.label_advice import label_advice
from homefeed.etl.orders_file import RawOrders, read_orders
from homefeed.etl.pipeline import RawShop, encode_shop, known_map, prepare, report_of
from homefeed.etl.raw_features import ITEM_FILE, USER_FILE, RawFeatures, open_features, read_features, share_known
from homefeed.etl.raw_logs import LOG_FILE, RawLog, check_labels, open_log, read_log, share_readable
from homefeed.etl.reading import Reading
from homefeed.etl.rejects import Rejects
from homefeed.etl.schema_names import check_names
from homefeed.etl.separator_ties import separator_ties
from homefeed.etl.silent_states import figures_of, of_features, of_log

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found, as lines. ``problems``: why an ETL would not run; ``rehearsed``: what it would make."""

    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rehearsed: list[str] = field(default_factory=list)

    def attempt(self, step: Callable[[], T]) -> T | None:
        """The step's outcome, or None and its complaint among the problems."""
        try:
            return step()
        except HomefeedError as error:
            if is_disk_full(error):
                raise
            self.problems.append(str(error))
            return None


@dataclass(frozen=True, slots=True)
class _Place:
    """``reading``: for what is read to the end; ``tries``: for a second look, in a folder of its own."""

    config: Config
    schema: Schema
    reading: Reading
    tries: Reading

    @property
    def folder(self) -> Path:
        return self.config.paths.raw


def validate_shop(config: Config, now: datetime, work: Path) -> Validation:
    """Everything that an ETL would find out about ``paths.raw``; nothing is written but in ``work``."""
    found, schema = Validation(), config.shop_schema()
    place = _Place(config, schema, *(Reading.at(now, _folder(work / name), config.etl.separator) for name in ("read", "tries")))
    found.attempt(lambda: check_names(schema))
    log = _look_at_log(found, place)
    joined = log or _no_log(place.folder / LOG_FILE)
    users = _look_at_features(found, place, USER_FILE, UID, schema.user, joined)
    items = _look_at_features(found, place, ITEM_FILE, IID, schema.item, joined)
    orders = _look_at_orders(found, place, joined)
    found.facts.append(_schema_line(users.columns if users else schema.user, items.columns if items else schema.item, schema.events))
    known = found.attempt(lambda: known_map(config.paths.processed, new_map=False))
    if known is not None and joined.n_rows:
        found.facts.append(_map_line(known, joined))
    if log is not None and users is not None and items is not None and known is not None and not found.problems:
        found.rehearsed.extend(found.attempt(lambda: _rehearse(place, RawShop(log, users, items, orders), known, work)) or [])
    return found


def _rehearse(place: _Place, raw: RawShop, known: MapTable, work: Path) -> list[str]:
    """The ETL's own steps, up to what it would write."""
    prepared = prepare(place.config, place.schema, raw, encode_shop(raw, place.schema, known), work / "log.parquet")
    return report_of(prepared, 0.0).outlook()


def _look_at_log(found: Validation, place: _Place) -> RawLog | None:
    log = found.attempt(lambda: read_log(place.folder, place.schema, place.reading))
    if log is not None:
        _describe(found, log, place.config)
    figures = figures_of(log) if log is not None else None
    if log is not None and figures is not None:
        found.facts.extend(figures.lines(log.path.name))
        found.warnings.extend(of_log(log, figures))
    if log is not None:
        found.attempt(lambda: check_labels(log, negatives_are_drawn=place.config.etl.sample_negatives > 0))
    found.warnings.extend(separator_ties(lambda given: open_log(place.folder, place.schema, given), TS, share_readable, place.tries))
    found.warnings.extend(_advice(place))
    return log


def _look_at_orders(found: Validation, place: _Place, log: RawLog) -> RawOrders | None:
    orders = found.attempt(lambda: read_orders(place.folder, log.separator, place.reading))
    if orders is not None:
        _describe(found, orders, place.config)
    return orders


def _advice(place: _Place) -> list[str]:
    """From the log's first rows, which may be all that can be read of it. A log that cannot be opened was told before."""
    try:
        return label_advice(open_log(place.folder, place.schema, place.tries), place.schema)
    except InputError:
        return []


def _look_at_features(found: Validation, place: _Place, name: str, id_column: str, columns: tuple[Column, ...], log: RawLog) -> RawFeatures | None:
    path = place.folder / name
    features = found.attempt(lambda: read_features(path, id_column, columns, log, place.reading))
    if features is None:
        return None
    _describe(found, features, place.config)
    what, ids, others = ("users", log.users, log.items) if id_column == UID else ("items", log.items, log.users)
    if len(features.ids):
        found.warnings.extend(of_features(features))
    if len(features.ids) and len(ids):
        fact, warnings = overlap(what, ids, features, others)
        found.facts.append(fact)
        found.warnings.extend(warnings)
    ties = separator_ties(lambda given: open_features(path, id_column, columns, log, given), id_column, lambda some: share_known(some, ids), place.tries)
    found.warnings.extend(ties)
    return features


def _describe(found: Validation, part: RawLog | RawFeatures | RawOrders, config: Config) -> None:
    """How the file is written, and its rejects."""
    found.facts.extend(line for line in part.detected if not line.startswith("Warning: "))
    found.warnings.extend(line.removeprefix("Warning: ") for line in part.detected if line.startswith("Warning: "))
    found.facts.extend(f"{part.path.name}: reject: {line}" for line in part.rejects.by_reason())
    bad, limit = part.rejects, config.etl.max_rejects
    if bad.share > limit:
        found.problems.append(
            f"{bad.file}: {len(bad.table):,} of {bad.rows:,} rows ({bad.share:.1%}) cannot be used, at most {limit:.1%} may be (etl.max_rejects)"
        )


def _schema_line(users: tuple[Column, ...], items: tuple[Column, ...], events: Mapping[str, float]) -> str:
    def side(id_column: str, columns: tuple[Column, ...]) -> str:
        return ", ".join([id_column, *(f"{c.name} ({c.kind})" for c in columns)])

    weights = ", ".join(f"{kind} {weight:g}" for kind, weight in events.items())
    return f"schema: users {side(UID, users)}; items {side(IID, items)}" + (f"; events {weights}" if weights else "")


def _map_line(known: MapTable, log: RawLog) -> str:
    if not known.lineage.size:
        return "feature map: none yet, a run starts one"
    users, items = known_shares(known, log)
    return f"feature map: {known.lineage.size:,} slots (lineage {known.lineage.id}); it knows {users:.1%} of the log's users and {items:.1%} of its items"


def _no_log(path: Path) -> RawLog:
    """In the place of a log that cannot be read, so that the feature files are looked at all the same."""
    nobody, nothing = pl.Series("id", [], pl.String), engine.from_memory(pl.DataFrame())
    return RawLog(path, nothing, (), nobody, nobody, 0, 0, LabelRule(LABEL, {}, {}), 1, ",", Rejects.of(path, 0), ())


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path
