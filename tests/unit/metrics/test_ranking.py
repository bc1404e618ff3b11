from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homefeed.metrics.ranking import Relevant, hit_rate_at_k, hits, mrr_at_k, ndcg_at_k, recall_at_k, relevant_items

# User 0 is right to be shown 3 and 5, user 1 nothing, user 2 item 1.
RELEVANT = relevant_items(np.array([2, 0, 0, 0]), np.array([1, 5, 3, 5]), 3)
RANKED = np.array([[3, 2, 5], [3, 2, 5], [2, 1, 0]], np.int32)


def test_pairs_become_ascending_distinct_items_by_user() -> None:
    assert RELEVANT.offsets.tolist() == [0, 2, 2, 3]
    assert RELEVANT.items.tolist() == [3, 5, 1]
    assert RELEVANT.counts().tolist() == [2, 0, 1]


def test_hits_are_found_in_the_own_list_only() -> None:
    assert hits(RANKED, RELEVANT).tolist() == [[True, False, True], [False] * 3, [False, True, False]]


@pytest.mark.parametrize("padding", [0, -1])
def test_padding_never_hits_even_where_row_zero_was_clicked(padding: int) -> None:
    clicked_the_unknown_item = relevant_items(np.array([0, 1]), np.array([0, 4]), 2)
    ranked = np.full((2, 2), padding, np.int32)
    assert not hits(ranked, clicked_the_unknown_item).any()


def test_items_beyond_all_relevant_ones_do_not_hit_the_next_user() -> None:
    assert not hits(np.array([[99], [98], [97]], np.int32), RELEVANT).any()


def test_metrics_have_the_values_computed_by_hand() -> None:
    hit, counts = hits(RANKED, RELEVANT), RELEVANT.counts()
    np.testing.assert_allclose(recall_at_k(hit, counts, 1), [0.5, np.nan, 0])
    np.testing.assert_allclose(recall_at_k(hit, counts, 3), [1, np.nan, 1])
    np.testing.assert_allclose(ndcg_at_k(hit, counts, 3), [(1 + 1 / 2) / (1 + 1 / np.log2(3)), np.nan, 1 / np.log2(3)])
    np.testing.assert_allclose(hit_rate_at_k(hit, counts, 1), [1, np.nan, 0])
    np.testing.assert_allclose(mrr_at_k(hit, counts, 3), [1, np.nan, 0.5])
    np.testing.assert_allclose(mrr_at_k(hit, counts, 1), [1, np.nan, 0])


def test_k_beyond_the_list_counts_what_is_there() -> None:
    hit, counts = hits(RANKED, RELEVANT), RELEVANT.counts()
    np.testing.assert_allclose(recall_at_k(hit, counts, 50), [1, np.nan, 1])
    np.testing.assert_allclose(ndcg_at_k(hit, counts, 50)[0], 1.5 / (1 + 1 / np.log2(3)))


def test_nobody_and_nothing_are_no_error() -> None:
    nothing = relevant_items(np.array([], np.int32), np.array([], np.int32), 2)
    hit = hits(np.zeros((2, 0), np.int32), nothing)
    assert np.isnan(recall_at_k(hit, nothing.counts(), 5)).all()
    assert np.isnan(mrr_at_k(hit, nothing.counts(), 5)).all()


@st.composite
def shops(draw: st.DrawFn) -> tuple[np.ndarray, Relevant, list[set[int]]]:
    n_users, n_items, size = draw(st.integers(1, 6)), draw(st.integers(1, 12)), draw(st.integers(1, 12))
    clicked = [draw(st.sets(st.integers(1, n_items))) for _ in range(n_users)]
    user = np.repeat(np.arange(n_users), [len(c) for c in clicked])
    item = np.array([i for c in clicked for i in c], np.int32)
    orders = [draw(st.permutations(range(1, n_items + 1))) for _ in range(n_users)]
    ranked = np.zeros((n_users, size), np.int32)
    for u, order in enumerate(orders):
        ranked[u, : min(size, n_items)] = order[:size]
    return ranked, relevant_items(user, item, n_users), clicked


@given(shops(), st.integers(1, 14))
def test_vectorised_metrics_agree_with_the_definition_spelled_out(shop: tuple[np.ndarray, Relevant, list[set[int]]], k: int) -> None:
    ranked, relevant, clicked = shop
    hit, counts = hits(ranked, relevant), relevant.counts()
    recall, ndcg = recall_at_k(hit, counts, k), ndcg_at_k(hit, counts, k)
    for u, wanted in enumerate(clicked):
        if not wanted:
            assert np.isnan(recall[u])
            assert np.isnan(ndcg[u])
            continue
        got = [int(i) in wanted for i in ranked[u, :k]]
        ideal = sum(1 / np.log2(place + 2) for place in range(min(k, len(wanted))))
        assert recall[u] == pytest.approx(sum(got) / len(wanted))
        assert ndcg[u] == pytest.approx(sum(g / np.log2(place + 2) for place, g in enumerate(got)) / ideal)


@given(shops())
def test_recall_never_falls_as_k_grows_and_stays_a_share(shop: tuple[np.ndarray, Relevant, list[set[int]]]) -> None:
    ranked, relevant, _ = shop
    hit, counts = hits(ranked, relevant), relevant.counts()
    by_k = np.array([recall_at_k(hit, counts, k)[counts > 0] for k in range(1, 13)])
    assert (np.diff(by_k, axis=0) >= 0).all()
    assert ((by_k >= 0) & (by_k <= 1)).all()
