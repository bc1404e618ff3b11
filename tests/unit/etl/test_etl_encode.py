from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.etl.encode import MapTable
from homefeed.features.feature_map import FeatureMap, Lineage

FIELDS = ("uid", "utag1", "iid", "itag1", "itag1[]")
texts = st.text(max_size=4).filter(lambda text: "\x00" not in text and text.isprintable())
growth = st.dictionaries(st.sampled_from(FIELDS), st.lists(texts, max_size=8), max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(growth, min_size=1, max_size=3))
def test_the_columnar_map_and_the_feature_map_give_the_same_slots_and_fingerprints(steps: list[dict[str, list[str]]]) -> None:
    table, plain = MapTable.empty("shop"), FeatureMap(Lineage("shop"), {})
    for values in steps:
        if not values:
            continue
        table = table.grown(FIELDS, {f: pl.Series(v, dtype=pl.String) for f, v in values.items()})
        plain = plain.grown(FIELDS, values)
    assert {f"{f}={v}": slot for f, v, slot in table.table.iter_rows()} == dict(plain.entries())
    assert table.lineage == plain.lineage


def test_growth_keeps_every_slot_and_numbers_what_is_new_by_field_and_value() -> None:
    first = MapTable.empty("shop").grown(FIELDS, {"uid": pl.Series(["b"]), "iid": pl.Series(["x"])})
    second = first.grown(FIELDS, {"iid": pl.Series(["y", "x"]), "uid": pl.Series(["c", "a", "b", ""])})
    assert first.table.rows() == [("uid", "b", 1), ("iid", "x", 2)]
    assert second.table.rows() == [*first.table.rows(), ("uid", "a", 3), ("uid", "c", 4), ("iid", "y", 5)]
    assert second.lineage.fits(first.lineage.fingerprint)
