"""The one encoder: slots to embedding rows, what a model does not know to its field's unknown row, numbers to standard units."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from homefeed.features.encoder import NumberScale, Vocabulary, encode, slot_counts
from homefeed.features.entities import EntityTable

COUNTS = np.array([9, 3, 0, 5, 2, 7], np.int64)
"""Of slots 0 to 5; from 3 rows on a slot is known."""


def vocabulary() -> Vocabulary:
    return Vocabulary.from_counts(COUNTS, n_fields=3, min_count=3)


def test_known_slots_have_rows_after_the_unknown_rows_and_before_the_padding_row() -> None:
    words = vocabulary()
    assert words.row.tolist() == [0, 3, 0, 4, 0, 5]
    assert (words.size, words.padding) == (7, 6)


def test_a_slot_that_is_rare_unknown_or_younger_than_the_model_is_its_fields_unknown_row() -> None:
    slots = np.array([[1, 3], [2, 5], [0, 4], [6, 999]], np.int32)
    assert vocabulary().rows(slots, first_field=1).tolist() == [[3, 4], [1, 5], [1, 2], [1, 2]]


def test_a_bag_pads_with_the_padding_row_and_is_never_empty() -> None:
    slots = np.array([[1, 3, 0], [2, 0, 0], [0, 0, 0]], np.int32)
    assert vocabulary().bag_rows(slots, field=2).tolist() == [[3, 4, 6], [2, 6, 6], [2, 6, 6]]


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.int64, st.integers(1, 20), elements=st.integers(0, 8)), st.integers(1, 4), st.integers(1, 6))
def test_every_row_is_within_the_table_and_known_slots_share_none(counts: np.ndarray, n_fields: int, min_count: int) -> None:
    words = Vocabulary.from_counts(counts, n_fields, min_count)
    slots = np.arange(-0, len(counts) + 3, dtype=np.int32).repeat(n_fields).reshape(-1, n_fields)
    rows = words.rows(slots, 0)
    assert rows.min() >= 0
    assert rows.max() < words.padding
    known = words.row[words.row > 0]
    assert len(set(known.tolist())) == len(known) == int((counts[1:] >= min_count).sum())
    assert known.min(initial=n_fields) >= n_fields


def test_numbers_are_standardised_by_what_was_fitted_and_missing_ones_are_flagged() -> None:
    scale = NumberScale.fit(np.array([[1, 5], [3, np.nan], [np.nan, 5]], np.float32))
    assert (scale.mean.tolist(), scale.std.tolist()) == ([2, 5], [1, 1])
    assert scale(np.array([[4, np.nan]], np.float32)).tolist() == [[2, 0, 0, 1]]


def test_a_column_without_any_value_stays_finite() -> None:
    scale = NumberScale.fit(np.full((3, 1), np.nan, np.float32))
    assert scale(np.array([[np.nan], [8]], np.float32)).tolist() == [[0, 1], [8, 0]]


def test_a_spread_too_small_for_its_type_leaves_a_column_unscaled() -> None:
    smallest = np.nextafter(np.float32(0), np.float32(1))
    numbers = np.array([[0], *[[smallest]] * 6], np.float32)
    assert NumberScale.fit(numbers).std.tolist() == [1]
    assert np.isfinite(NumberScale.fit(numbers)(numbers)).all()


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.float32, (7, 2), elements=st.floats(-1e6, 1e6, width=32) | st.just(np.float32("nan"))))
def test_standardised_numbers_are_always_finite(numbers: np.ndarray) -> None:
    assert np.isfinite(NumberScale.fit(numbers)(numbers)).all()


def test_a_side_s_fields_are_numbered_from_its_first() -> None:
    table = EntityTable(["", "a"], np.array([[0, 0], [1, 2]], np.int32), {"bag": np.array([[0], [3]], np.int32)}, np.empty((2, 0), np.float32))
    encoded = encode(table, Vocabulary.from_counts(COUNTS, 6, 3), NumberScale.fit(table.numbers), first_field=3)
    assert encoded.fields.tolist() == [[3, 4], [6, 4]]
    assert encoded.bags[0].tolist() == [[5], [7]]
    assert (encoded.n_fields, len(encoded), encoded.dense.shape) == (3, 2, (2, 0))


def test_slot_counts_count_training_rows_of_ids_tags_and_bag_values() -> None:
    table = EntityTable(
        ["", "a", "b"], np.array([[0, 0], [1, 3], [2, 3]], np.int32), {"bag": np.array([[0, 0], [4, 5], [5, 0]], np.int32)}, np.empty((3, 0), np.float32)
    )
    counts = slot_counts(table, np.array([1, 1, 2], np.int32), map_size=5)
    assert counts[1:].tolist() == [2, 1, 3, 2, 3]
