"""Growing the feature map, and texts to slots by join: the columnar twin of ``features.feature_map``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import polars as pl

from homefeed.core.columns import IID, UID, Column, Schema, categories, multis
from homefeed.core.errors import ArtifactError
from homefeed.etl.engines import polars_engine as engine
from homefeed.etl.engines.polars_engine import Table
from homefeed.etl.raw_features import RawFeatures
from homefeed.etl.raw_logs import RawLog
from homefeed.features.feature_map import Lineage

KNOWN_SHARE = 0.01
"""Below this share of known users and of known items a log is taken for another shop's."""


@dataclass(frozen=True, slots=True)
class MapTable:
    """The feature map as a table: ``field`` str, ``value`` str, ``slot`` i32."""

    lineage: Lineage
    table: pl.DataFrame

    @classmethod
    def empty(cls, lineage_id: str) -> MapTable:
        return cls(Lineage(lineage_id), pl.DataFrame(schema={"field": pl.String, "value": pl.String, "slot": pl.Int32}))

    def field(self, name: str) -> pl.DataFrame:
        """``value`` and ``slot`` of one field."""
        return self.table.filter(pl.col("field") == name).select("value", "slot")

    def sizes(self) -> dict[str, int]:
        """Number of slots of each field."""
        return dict(self.table.group_by("field").len().sort("field").iter_rows())

    def grown(self, fields: Sequence[str], values: Mapping[str, pl.Series]) -> MapTable:
        """The map with all of ``values``; new ones are numbered by (order of ``fields``, value). Empty values stay unknown."""
        named = [values[f].cast(pl.String).alias("value").to_frame().select(pl.lit(f).alias("field"), "value") for f in fields if f in values]
        fresh = pl.concat(named).filter(pl.col("value") != "").unique().join(self.table, on=["field", "value"], how="anti")
        order = pl.col("field").replace_strict({f: n for n, f in enumerate(fields)}, return_dtype=pl.Int32)
        numbered = fresh.sort(order, "value").with_columns(slot=pl.int_range(self.lineage.size + 1, self.lineage.size + 1 + pl.len(), dtype=pl.Int32))
        return MapTable(self.lineage.grown(numbered.select("field", "value").iter_rows()), pl.concat([self.table, numbered]))


def check_same_shop(known: MapTable, log: RawLog) -> None:
    """Raises ``ArtifactError`` when hardly any user and item of the log is in a non-empty map."""
    if not known.lineage.size:
        return
    users, items = known_shares(known, log)
    if users < KNOWN_SHARE and items < KNOWN_SHARE:
        raise ArtifactError(
            f"This looks like another shop: the feature map (lineage {known.lineage.id}) knows {users:.1%} of the log's users and {items:.1%} of its items",
            expected="logs of the shop the map was made for",
            next_step="To start over with a map of its own for this log: --new-map",
        )


def known_shares(known: MapTable, log: RawLog) -> tuple[float, float]:
    """Shares of the log's users and of its items that are in the map."""
    users, items = (_share(ids, known.field(field)["value"]) for field, ids in ((UID, log.users), (IID, log.items)))
    return users, items


def shop_values(schema: Schema, log: RawLog, users: RawFeatures, items: RawFeatures) -> dict[str, pl.Series]:
    """Every value of every field of the map, from the log and the feature files."""
    values = {UID: _together(log.users, users.ids), IID: _together(log.items, items.ids), **users.values, **items.values}
    for column in multis((*schema.user, *schema.item)):
        values[column.element_field] = _elements(column, values[column.name]).explode(empty_as_null=False).unique()
    return values


def entities(features: RawFeatures, log_ids: pl.Series, id_field: str, slots: MapTable) -> pl.DataFrame:
    """One row for each user (or item) of the log or its feature file, by slot.

    ``id``, ``slot``, a category's or a multi's slot (0: unknown), a multi's element slots under its ``element_field``, numbers (f64) and flags.
    """
    ids = pl.DataFrame({"id": _together(log_ids, features.ids)}).join(slots.field(id_field), left_on="id", right_on="value")
    table = engine.from_memory(ids).join(features.rows, on="id", how="left")
    for column in (*categories(features.columns), *multis(features.columns)):
        table = _with_slots(table, column, _tag_slots(column, features.values[column.name], slots))
    (collected,) = engine.collect(table.sort("slot"))
    return collected


def encode_log(log: RawLog, slots: MapTable) -> Table:
    """``row``, ``ts_us``, ``user`` and ``item`` slots, ``label``, ``weight`` and the extra columns."""
    users, items = (engine.from_memory(slots.field(f).select(pl.col("value").alias(f), pl.col("slot").alias(n))) for f, n in ((UID, "user"), (IID, "item")))
    return log.rows.join(users, on=UID).join(items, on=IID).select("row", "ts_us", "user", "item", "label", "weight", *log.extras)


def _with_slots(table: Table, column: Column, tags: pl.DataFrame) -> Table:
    return table.join(engine.from_memory(tags), on=column.name, how="left").drop(column.name).rename({"tag_slot": column.name}).with_columns(
        nw.col(column.name).fill_null(0)
    )  # fmt: skip


def _tag_slots(column: Column, values: pl.Series, slots: MapTable) -> pl.DataFrame:
    """Each distinct text of a column, its slot, and for a multi the slots of its elements in their order."""
    whole = slots.field(column.name).rename({"value": column.name, "slot": "tag_slot"})
    tags = values.alias(column.name).to_frame().join(whole, on=column.name)
    if column.kind != "multi":
        return tags
    elements = tags.select(column.name, _elements(column, tags[column.name]).alias(column.element_field))
    singles = elements.explode(column.element_field, empty_as_null=False).join(
        slots.field(column.element_field), left_on=column.element_field, right_on="value", maintain_order="left"
    )
    bags = singles.group_by(column.name, maintain_order=True).agg(pl.col("slot").alias(column.element_field))
    return tags.join(bags, on=column.name, how="left").with_columns(pl.col(column.element_field).fill_null([]))


def _elements(column: Column, texts: pl.Series) -> pl.Series:
    """Each text's single values, blanks around them trimmed, empty and repeated ones left out."""
    return (
        texts.str.split(column.separator)
        .list.eval(pl.element().str.strip_chars())
        .list.eval(pl.element().filter(pl.element() != ""))
        .list.unique(maintain_order=True)
    )


def _together(*ids: pl.Series) -> pl.Series:
    return pl.concat([series.alias("id") for series in ids]).unique()


def _share(ids: pl.Series, known: pl.Series) -> float:
    return len(ids.to_frame("id").join(known.to_frame("id"), on="id", how="semi")) / max(len(ids), 1)
