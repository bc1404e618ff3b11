from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from homefeed.metrics.beyond_accuracy import coverage_at_k, diversity_at_k, exposure, gini, novelty_at_k, self_information

RANKED = np.array([[3, 2, 4], [3, 1, 0], [0, 0, 0]], np.int32)


def test_coverage_counts_each_shown_item_once_and_no_padding() -> None:
    assert coverage_at_k(RANKED, 10, 1) == pytest.approx(1 / 10)
    assert coverage_at_k(RANKED, 10, 2) == pytest.approx(3 / 10)
    assert coverage_at_k(RANKED, 10, 3) == pytest.approx(4 / 10)


def test_exposure_counts_lists_an_item_and_leaves_padding_out() -> None:
    assert exposure(RANKED, 6, 3).tolist() == [0, 1, 1, 2, 1, 0]
    assert exposure(RANKED, 6, 1).tolist() == [0, 0, 0, 2, 0, 0]


def test_gini_is_nothing_when_all_get_the_same_and_near_one_when_one_gets_all() -> None:
    assert gini(np.full(7, 3)) == pytest.approx(0)
    assert gini(np.array([0, 0, 12, 0])) == pytest.approx(3 / 4)
    assert gini(np.array([1, 3])) == pytest.approx(1 / 4)
    assert np.isnan(gini(np.zeros(4, np.int64)))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any))
def test_gini_is_half_of_the_mean_difference_of_all_pairs_over_the_mean(amounts: list[int]) -> None:
    given_ = np.array(amounts)
    pairs = np.abs(given_[:, None] - given_[None, :]).mean()
    assert gini(given_) == pytest.approx(pairs / (2 * given_.mean()))


def test_an_item_with_half_of_the_clicks_is_worth_one_bit() -> None:
    np.testing.assert_allclose(self_information(np.array([7, 3, 1, 1])), [1, 2, 3, 3])


def test_novelty_is_the_mean_surprise_of_what_is_listed() -> None:
    information = np.array([9.0, 1.0, 2.0, 3.0, 7.0])
    np.testing.assert_allclose(novelty_at_k(RANKED, information, 3), [4, 2, np.nan])
    np.testing.assert_allclose(novelty_at_k(RANKED, information, 2), [2.5, 2, np.nan])


def tags(sets: list[set[int]]) -> csr_matrix:
    dense = np.zeros((len(sets), 10), np.float32)
    for item, values in enumerate(sets):
        dense[item, list(values)] = 1
    return csr_matrix(dense)


def test_diversity_is_one_less_the_mean_share_of_common_tags() -> None:
    shop = tags([set(), {1, 2}, {2, 3}, {1, 2}, {5}])
    pairs_of_first = [1 / 3, 0, 0]  # items 3 and 2 share one of three tags; 4 shares none
    np.testing.assert_allclose(diversity_at_k(RANKED, shop, 3), [1 - np.mean(pairs_of_first), 0, np.nan])


def test_two_items_without_any_tag_say_nothing_about_diversity() -> None:
    shop = tags([set(), set(), set(), {4}])
    lists = np.array([[1, 2, 0], [1, 2, 3]], np.int32)
    np.testing.assert_allclose(diversity_at_k(lists, shop, 3), [np.nan, 1])


@given(st.lists(st.sets(st.integers(0, 9), max_size=4), min_size=4, max_size=4), st.permutations([1, 2, 3]))
def test_diversity_agrees_with_the_definition_spelled_out_and_not_with_the_order(sets: list[set[int]], order: list[int]) -> None:
    pairs = [(sets[a], sets[b]) for a, b in ((1, 2), (1, 3), (2, 3)) if sets[a] | sets[b]]
    wanted = 1 - np.mean([len(a & b) / len(a | b) for a, b in pairs]) if pairs else np.nan
    got = diversity_at_k(np.array([order], np.int32), tags(sets), 5)[0]
    assert got == pytest.approx(wanted, nan_ok=True)
