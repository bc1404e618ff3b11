from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from homefeed.metrics.paired import compare, sign_flip_test


def one_figure(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return np.stack([ours, theirs])[:, None, :]


def test_figures_are_sums_of_parts_over_sums_of_weights() -> None:
    parts = np.array([[[1.0, 2.0], [6.0, 0.0]], [[1.0, 0.0], [1.0, 1.0]]])
    weights = np.array([[1.0, 1.0], [3.0, 1.0]])
    result = compare(parts, weights, np.random.default_rng(0), n=50)
    assert [[f.mean for f in row] for row in result.figures] == [[1.5, 1.5], [0.5, 0.5]]
    assert [f.mean for f in result.ahead[0]] == [1.0, 1.0]


def test_a_small_lead_that_every_user_shows_is_beyond_doubt_although_users_differ_widely() -> None:
    theirs = np.random.default_rng(0).random(400)
    result = compare(one_figure(theirs + 0.01, theirs), np.ones((1, 400)), np.random.default_rng(1))
    ours, other, ahead = result.figures[0][0], result.figures[1][0], result.ahead[0][0]
    assert ours.low < other.high
    assert ahead.low == pytest.approx(0.01)
    assert result.p[0, 0] < 0.001


def test_a_contender_without_a_figure_has_neither_interval_nor_p_and_spoils_no_other() -> None:
    parts = np.stack([np.ones((1, 30)), np.full((1, 30), np.nan), np.zeros((1, 30))])
    result = compare(parts, np.ones((1, 30)), np.random.default_rng(0), n=50)
    assert np.isnan([result.figures[1][0].low, result.ahead[0][0].mean, result.p[0, 0]]).all()
    assert result.ahead[1][0].low == 1


def test_p_of_one_user_in_three_coins_is_that_of_the_coins() -> None:
    """Three users, all ahead by as much: two of the eight choices of signs are as far from 0."""
    assert sign_flip_test(np.ones((1, 3)), np.random.default_rng(0), n=20_000)[0] == pytest.approx(2 / 8, abs=0.01)


def test_p_agrees_with_the_normal_test_where_there_are_many_users() -> None:
    differences = np.random.default_rng(3).normal(0.05, 1, (1, 2000))
    z = abs(differences.mean()) / (differences.std() / np.sqrt(2000))
    assert sign_flip_test(differences, np.random.default_rng(4), n=20_000)[0] == pytest.approx(2 * norm.sf(z), abs=0.01)


def test_two_alike_are_told_apart_in_one_case_of_twenty() -> None:
    differences = np.random.default_rng(5).normal(size=(400, 60)) ** 3
    p = sign_flip_test(differences, np.random.default_rng(6), n=500)
    assert 0.02 < (p <= 0.05).mean() < 0.09


def test_equal_contenders_and_nobody() -> None:
    assert sign_flip_test(np.zeros((1, 9)), np.random.default_rng(0))[0] == 1
    assert np.isnan(sign_flip_test(np.zeros((2, 0)), np.random.default_rng(0))).all()


def test_same_seed_gives_the_same_answer() -> None:
    parts, weights = np.random.default_rng(0).random((3, 2, 40)), np.ones((2, 40))
    first, second = (compare(parts, weights, np.random.default_rng(7), n=100) for _ in range(2))
    assert first.ahead == second.ahead
    assert first.p.tolist() == second.p.tolist()
