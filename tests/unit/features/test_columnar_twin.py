"""The ETL's joins give, row by row, the slots that the feature map gives."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homefeed.artifacts.processed import FEATURE_MAP, ProcessedDataset, read_dataset
from homefeed.config import Config
from homefeed.core.columns import Schema
from homefeed.core.progress import Silent
from homefeed.etl.pipeline import run_etl
from homefeed.features.feature_map import FeatureMap, Lineage

TEXT = st.text(st.sampled_from("aB0 é=|\u00a0\u3000中"), min_size=1, max_size=4)
IDS = st.one_of(st.sampled_from(["1", "01", "1.0", "NA", "null", "nan", "None", "true", "18292817638588633000", "a b"]), TEXT).filter(lambda t: bool(t.strip()))
TAGS = st.one_of(st.sampled_from(["", "NA", "null", "0", "00", "-1"]), TEXT)
SETTINGS = {"schema": {"user": {"t": "category", "m": "multi"}, "item": {"k": "category"}}}


@st.composite
def shops(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    users, items = (draw(st.lists(IDS, min_size=2, max_size=6, unique=True)) for _ in range(2))
    known_users, known_items = (draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)) for ids in (users, items))
    user_rows = [[uid, draw(TAGS), draw(TAGS)] for uid in known_users]
    item_rows = [[iid, draw(TAGS)] for iid in known_items]
    pairs = draw(st.lists(st.tuples(st.sampled_from(users), st.sampled_from(items)), min_size=4, max_size=20))
    log = [[str(100 + n), uid, iid, str(int(n % 3 == 0))] for n, (uid, iid) in enumerate(pairs)]
    return log, user_rows, item_rows


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shops())
def test_every_slot_of_every_row_is_the_maps(shop: tuple[list[list[str]], list[list[str]], list[list[str]]]) -> None:
    log, user_rows, item_rows = shop
    with tempfile.TemporaryDirectory() as folder:
        dataset, expected_map = encoded(Path(folder), log, user_rows, item_rows)
        schema = dataset.meta.schema
        assert read_map(Path(folder) / "processed") == dict(expected_map.entries())
        for table, rows, columns, id_field in ((dataset.users, user_rows, schema.user, "uid"), (dataset.items, item_rows, schema.item, "iid")):
            tags = {row[0]: row[1:] for row in rows}
            for raw_id, slots, place in zip(table.ids[1:], table.slots[1:].tolist(), range(1, len(table)), strict=True):
                values = tags.get(raw_id, [""] * len(columns))
                assert slots == [expected_map.slot(id_field, raw_id), expected_map.slot(columns[0].name, values[0])]
                for bag, text in zip(table.bags.values(), values[1:], strict=True):
                    assert [s for s in bag[place].tolist() if s] == [expected_map.slot("m[]", value) for value in elements(text)]
        rows = [*zip(*(np.concatenate([getattr(side, name) for side in (dataset.train, dataset.test)]).tolist() for name in ("user", "item")), strict=True)]
        assert [(dataset.users.ids[user], dataset.items.ids[item]) for user, item in rows] == [(uid, iid) for _, uid, iid, _ in log]


def encoded(data: Path, log: list[list[str]], users: list[list[str]], items: list[list[str]]) -> tuple[ProcessedDataset, FeatureMap]:
    """The dataset of the ETL, and the map that the plain rule gives."""
    (data / "raw_data").mkdir()
    for name, rows in (("shop.dat", log), ("user_feature.dat", users), ("item_feature.dat", items)):
        (data / "raw_data" / name).write_text("".join(",".join(row) + "\n" for row in rows))
    config = Config.model_validate({"paths": {"data": str(data)}, "etl": {"separator": ","}, **SETTINGS})
    run_etl(config, progress=Silent(), now=datetime.now(UTC))
    dataset = read_dataset(config.paths.processed)
    schema: Schema = dataset.meta.schema
    values = {
        "uid": {row[1] for row in log} | {row[0] for row in users},
        "iid": {row[2] for row in log} | {row[0] for row in items},
        "t": {row[1] for row in users},
        "m": {row[2] for row in users},
        "m[]": {value for row in users for value in elements(row[2])},
        "k": {row[1] for row in items},
    }
    return dataset, FeatureMap(Lineage(dataset.meta.lineage.id), {}).grown(schema.map_fields(), values)


def elements(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split("|") if part.strip()))


def read_map(processed: Path) -> dict[str, int]:
    import polars as pl

    return {f"{field}={value}": slot for field, value, slot in pl.read_parquet(processed / FEATURE_MAP).iter_rows()}
