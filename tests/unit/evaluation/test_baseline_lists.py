from __future__ import annotations

import numpy as np
import pytest
from planted_dataset import dataset
from scipy.sparse import csr_matrix

from homefeed.core.errors import ConfigError
from homefeed.evaluation.baselines.clicks import Clicks, Rows, clicks_of
from homefeed.evaluation.baselines.ease import ease_scores, ease_weights
from homefeed.evaluation.baselines.names import ALL, EASE, LOGISTIC, baselines_named
from homefeed.evaluation.baselines.scored_lists import filled_up, scored_lists
from homefeed.evaluation.protocol import protocol_of

TRAIN = [(1, 1, 1), (1, 2, 0), (2, 1, 1), (2, 3, 1), (2, 3, 1), (4, 5, 1)]
TEST = [(1, 3, 1), (2, 2, 1), (3, 4, 1)]


def test_the_best_scores_come_first_without_what_was_seen_sold_out_or_cannot_be_scored() -> None:
    protocol = protocol_of(dataset(4, 6, TRAIN, TEST, sold_out=[6]))
    of_user = {1: [9.0, 1.0, 2.0, 8.0, 7.0], 2: [9.0, 5.0, 8.0, -np.inf, 7.0], 3: [-np.inf] * 5}

    def scores(users: Rows) -> np.ndarray:
        return np.array([of_user[user] for user in users.tolist()], np.float32)

    lists = scored_lists(protocol, scores, np.array([1, 2, 3, 5, 6], np.int32), 4)
    assert lists.tolist() == [[5, 3, 2, 0], [2, 0, 0, 0], [0, 0, 0, 0]]


def test_empty_places_are_filled_with_what_is_hottest_of_the_rest() -> None:
    lists = np.array([[5, 3, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4], [9, 0, 0, 0]], np.int32)
    hottest = np.array([[3, 4, 5, 6], [4, 1, 2, 0], [7, 8, 9, 5], [9, 0, 0, 0]], np.int32)
    assert filled_up(lists, hottest).tolist() == [[5, 3, 4, 6], [4, 1, 2, 0], [1, 2, 3, 4], [9, 0, 0, 0]]


def test_clicks_count_once_and_impressions_without_a_click_not_at_all() -> None:
    clicks = clicks_of(dataset(4, 6, TRAIN, TEST).train, 5, 7)
    assert clicks.columns.tolist() == [1, 3, 5]
    assert clicks.matrix.toarray().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert clicks.has_any().tolist() == [False, True, True, False, True]


def test_a_limit_keeps_the_items_that_most_users_click() -> None:
    rows = [(1, 1, 1), (1, 2, 1), (2, 2, 1), (3, 2, 1), (1, 4, 1), (2, 4, 1), (3, 3, 0)]
    clicks = clicks_of(dataset(3, 4, rows, TEST).train, 4, 5, limit=2)
    assert clicks.columns.tolist() == [2, 4]
    assert clicks.left_out == 1


def test_ease_has_the_weights_of_a_case_solved_by_hand() -> None:
    """Gram [[2,1,1],[1,1,0],[1,0,1]] plus ridge 1 has the inverse [[4,-2,-2],[-2,5,1],[-2,1,5]] / 8."""
    clicks = Clicks(csr_matrix(np.array([[1, 1, 0], [1, 0, 1]], np.float32)), np.array([1, 2, 3], np.int32))
    expected = [[0, 0.4, 0.4], [0.5, 0, -0.2], [0.5, -0.2, 0]]
    np.testing.assert_allclose(ease_weights(clicks, 1.0), expected, atol=1e-6)
    np.testing.assert_allclose(ease_scores(clicks, 1.0)(np.array([0], np.int32)), [[0.5, 0.4, 0.2]], atol=1e-6)


def test_names_are_understood_in_any_case_and_told_where_they_are_none() -> None:
    assert baselines_named(["logistic-regression", "ease", "EASE"]) == (EASE, LOGISTIC)
    assert baselines_named(["all"]) == ALL
    with pytest.raises(ConfigError, match=r"No baseline is called svd.*ItemKNN"):
        baselines_named(["EASE", "SVD"])
