"""The map only grows, numbers by field and value, and proves which earlier maps it continues."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homefeed.features.feature_map import FeatureMap, Fingerprint, Lineage

FIELDS = ("uid", "utag1", "iid")
growths = st.lists(st.dictionaries(st.sampled_from(FIELDS), st.lists(st.text(max_size=3), max_size=6)), max_size=4)


def empty(name: str = "shop") -> FeatureMap:
    return FeatureMap(Lineage(name), {})


@settings(max_examples=200, deadline=None)
@given(growths)
def test_slots_are_1_to_n_and_none_ever_changes(steps: list[dict[str, list[str]]]) -> None:
    grown = empty()
    for values in steps:
        before = dict(grown.entries())
        grown = grown.grown(FIELDS, values)
        assert before.items() <= dict(grown.entries()).items()
    slots = dict(grown.entries())
    assert sorted(slots.values()) == list(range(1, len(grown) + 1))
    assert set(slots) == {f"{field}={value}" for values in steps for field, texts in values.items() for value in texts if value}


@settings(max_examples=100, deadline=None)
@given(growths)
def test_every_earlier_map_of_a_lineage_fits_and_no_other(steps: list[dict[str, list[str]]]) -> None:
    grown, earlier = empty(), []
    for values in steps:
        grown = grown.grown(FIELDS, values)
        earlier.append(grown.lineage.fingerprint)
    assert all(grown.lineage.fits(fingerprint) for fingerprint in earlier if fingerprint.size)
    assert not any(empty("another").grown(FIELDS, {"uid": ["a"]}).lineage.fits(fingerprint) for fingerprint in earlier)


def test_numbers_follow_field_and_value_and_not_the_order_of_rows() -> None:
    one = empty().grown(FIELDS, {"iid": ["z", "y"], "uid": ["b", "a", "b"]})
    other = empty().grown(FIELDS, {"uid": ["a", "b"], "iid": ["y", "z"]})
    assert dict(one.entries()) == dict(other.entries()) == {"uid=a": 1, "uid=b": 2, "iid=y": 3, "iid=z": 4}
    assert one.lineage == other.lineage


def test_the_unknown_has_slot_0() -> None:
    grown = empty().grown(FIELDS, {"uid": ["a", ""]})
    assert [grown.slot("uid", value) for value in ("a", "", "stranger")] == [1, 0, 0]
    assert grown.slot("utag1", "a") == 0
    assert len(grown) == 1


def test_two_maps_with_the_same_size_and_other_values_do_not_fit_each_other() -> None:
    one, other = (empty().grown(FIELDS, {"uid": [value]}).lineage for value in ("a", "b"))
    assert not one.fits(other.fingerprint)


def test_growth_by_nothing_new_is_no_growth() -> None:
    grown = empty().grown(FIELDS, {"uid": ["a"]})
    assert grown.grown(FIELDS, {"uid": ["a"], "iid": []}).lineage == grown.lineage


def test_a_fingerprint_is_read_back_from_its_text() -> None:
    fingerprint = empty().grown(FIELDS, {"uid": ["a"]}).lineage.fingerprint
    assert Fingerprint.parse(str(fingerprint)) == fingerprint
    with pytest.raises(ValueError, match="unpack"):
        Fingerprint.parse("no fingerprint")
