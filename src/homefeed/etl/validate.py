"""A shop's raw files looked at without running anything: what an ETL would read, what would stop it, and what it would swallow in silence.

It reads with the ETL's own code and rehearses its steps up to the tables; unlike the ETL it goes on after the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import polars as pl

from homefeed.config import Config
from homefeed.core.columns import IID, LABEL, UID, Column, Schema
from homefeed.core.errors import HomefeedError, InputError
from homefeed.etl.dialect import NAMES, SEPARATORS
from homefeed.etl.encode import MapTable, known_shares
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.events import LabelRule
from homefeed.etl.id_overlap import overlap
from homefeed.etl.label_advice import label_advice
from homefeed.etl.pipeline import RawShop, encode_shop, known_map, prepare, report_of
from homefeed.etl.raw_features import ITEM_FILE, USER_FILE, RawFeatures, open_features, read_features
from homefeed.etl.raw_logs import LOG_FILE, RawLog, check_labels, open_log, read_log
from homefeed.etl.raw_tables import Opened
from homefeed.etl.reading import Reading
from homefeed.etl.rejects import Rejects
from homefeed.etl.schema_names import check_names
from homefeed.etl.silent_states import figures_of, of_features, of_log

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found. ``rehearsed``: what a run would make of it; ``problems``: why it would not run. Each is a list of lines."""

    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rehearsed: list[str] = field(default_factory=list)

    def attempt(self, step: Callable[[], T]) -> T | None:
        """The step's outcome, or None and its complaint among the problems."""
        try:
            return step()
        except HomefeedError as error:
            self.problems.append(str(error))
            return None


def validate_shop(config: Config, now: datetime, work: Path) -> Validation:
    """Everything that an ETL would find out about ``paths.raw``; nothing is written but in ``work``."""
    found, schema, raw = Validation(), config.shop_schema(), config.paths.raw
    reading = Reading.at(now, work, config.etl.separator)
    found.attempt(lambda: check_names(schema))
    log = found.attempt(lambda: read_log(raw, schema, reading))
    joined = log or _no_log(raw / LOG_FILE)
    users = found.attempt(lambda: read_features(raw / USER_FILE, UID, schema.user, joined, reading))
    items = found.attempt(lambda: read_features(raw / ITEM_FILE, IID, schema.item, joined, reading))
    if log is not None:
        _look_at_log(found, log, config)
    tries = replace(reading, work=_folder(work / "tries"))  # copies made while trying must not replace those that are read
    _look_at_separators(found, lambda given: open_log(raw, schema, given), tries)
    found.warnings.extend(_advice(raw, schema, tries))
    if users is not None:
        _look_at_features(found, "users", joined.users, joined.items, users, config)
        _look_at_separators(found, lambda given: open_features(raw / USER_FILE, UID, schema.user, joined, given), tries)
    if items is not None:
        _look_at_features(found, "items", joined.items, joined.users, items, config)
        _look_at_separators(found, lambda given: open_features(raw / ITEM_FILE, IID, schema.item, joined, given), tries)
    found.facts.append(_schema_line(users.columns if users else schema.user, items.columns if items else schema.item, schema.events))
    known = found.attempt(lambda: known_map(config.paths.processed, new_map=False))
    if known is not None and joined.n_rows:
        found.facts.append(_map_line(known, joined))
    if log is not None and users is not None and items is not None and known is not None and not found.problems:
        found.attempt(lambda: _rehearse(found, config, schema, RawShop(log, users, items), known, work))
    return found


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _rehearse(found: Validation, config: Config, schema: Schema, raw: RawShop, known: MapTable, work: Path) -> None:
    """The ETL's own steps, up to what it would write."""
    prepared = prepare(config, schema, raw, encode_shop(raw, schema, known), work / "log.parquet")
    found.rehearsed.extend(report_of(prepared, 0.0).outlook())


def _advice(folder: Path, schema: Schema, reading: Reading) -> list[str]:
    """From the log's first rows, which may be all that can be read of it. A log that cannot be opened was told before."""
    try:
        return label_advice(open_log(folder, schema, reading), schema)
    except InputError:
        return []


def _look_at_separators(found: Validation, open_as: Callable[[Reading], Opened], reading: Reading) -> None:
    """Says where another separator would do as well."""
    fitting = [opened.dialect for opened in _each_opened(open_as, reading) if not opened.dialect.file.is_parquet]
    if len(fitting) > 1 and not reading.separator:
        names = " and ".join(NAMES[dialect.separator] for dialect in fitting)
        taken = NAMES[open_as(reading).dialect.separator]
        found.warnings.append(f"{fitting[0].path.name} can be read as {names} separated; {taken} was taken. Another one: --separator")


def _each_opened(open_as: Callable[[Reading], Opened], reading: Reading) -> Iterator[Opened]:
    for separator in SEPARATORS:
        with suppress(InputError):  # this one does not fit
            yield open_as(replace(reading, separator=separator))


def _describe(found: Validation, part: RawLog | RawFeatures, config: Config) -> None:
    """How the file is written, and its rejects."""
    found.facts.extend(line for line in part.detected if not line.startswith("Warning: "))
    found.warnings.extend(line.removeprefix("Warning: ") for line in part.detected if line.startswith("Warning: "))
    found.facts.extend(f"{part.path.name}: reject: {line}" for line in part.rejects.by_reason())
    bad, limit = part.rejects, config.etl.max_rejects
    if bad.share > limit:
        found.problems.append(
            f"{bad.file}: {len(bad.table):,} of {bad.rows:,} rows ({bad.share:.1%}) cannot be used, at most {limit:.1%} may be (etl.max_rejects)"
        )


def _look_at_log(found: Validation, log: RawLog, config: Config) -> None:
    _describe(found, log, config)
    figures = figures_of(log)
    if figures is not None:
        found.facts.extend(figures.lines(log.path.name))
        found.warnings.extend(of_log(log, figures))
        found.attempt(lambda: check_labels(log, negatives_are_drawn=config.etl.sample_negatives > 0))


def _look_at_features(found: Validation, what: str, ids: pl.Series, others: pl.Series, features: RawFeatures, config: Config) -> None:
    """``ids``: the log's of the same kind; ``others``: those of the other."""
    _describe(found, features, config)
    if len(features.ids):
        found.warnings.extend(of_features(features))
    if len(features.ids) and len(ids):
        fact, warnings = overlap(what, ids, features, others)
        found.facts.append(fact)
        found.warnings.extend(warnings)


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
