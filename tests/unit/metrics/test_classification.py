from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from homefeed.metrics.calibration import calibration_curve, expected_calibration_error
from homefeed.metrics.classification import auc, auc_by_user, auc_values, gauc, log_loss

Rows = list[tuple[int, int, int]]
rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=60)


def test_auc_counts_the_pairs_that_stand_right_and_half_of_the_ties() -> None:
    label, score = np.array([1, 0, 1, 0]), np.array([3.0, 3.0, 2.0, 1.0])
    assert auc(label, score) == pytest.approx((0.5 + 1 + 0 + 1) / 4)


def test_auc_of_one_label_is_not_a_number() -> None:
    assert np.isnan(auc(np.ones(3), np.arange(3)))
    assert np.isnan(auc(np.array([]), np.array([])))
    assert np.isnan(gauc(np.array([0, 1]), np.array([1, 0]), np.array([0.1, 0.2])))


def test_gauc_weighs_users_by_rows_and_leaves_out_those_with_one_label() -> None:
    user = np.array([0, 0, 1, 1, 1, 2, 2])
    label = np.array([1, 0, 1, 0, 0, 1, 1])
    score = np.array([0.9, 0.1, 0.5, 0.7, 0.1, 0.9, 0.1])
    np.testing.assert_allclose(auc_by_user(user, label, score, 3), [1, 0.5, np.nan])
    assert gauc(user, label, score) == pytest.approx((2 * 1 + 3 * 0.5) / 5)


@given(rows)
def test_auc_agrees_with_scikit_learn_also_user_by_user(drawn: Rows) -> None:
    user, label, score = np.array(drawn).T
    per_user = auc_by_user(user, label, score / 7, 5)
    for u in range(5):
        mine = user == u
        if len(set(label[mine])) == 2:
            assert per_user[u] == pytest.approx(sklearn_metrics.roc_auc_score(label[mine], score[mine]))
        else:
            assert np.isnan(per_user[u])
    if len(set(label)) == 2:
        assert auc(label, score) == pytest.approx(sklearn_metrics.roc_auc_score(label, score))


@given(rows)
def test_auc_is_blind_to_any_rescaling_that_keeps_the_order(drawn: Rows) -> None:
    _, label, score = np.array(drawn).T
    assert auc(label, score) == pytest.approx(auc(label, np.exp(score)), nan_ok=True)
    assert auc(label, score) == pytest.approx(1 - auc(label, -score), nan_ok=True)


@given(rows)
def test_auc_values_average_to_the_auc(drawn: Rows) -> None:
    user, label, score = np.array(drawn).T
    assert auc_values(user, label, score, 5).mean() == pytest.approx(auc(label, score), nan_ok=True)


def test_spread_of_auc_values_is_that_of_the_auc_of_users_drawn_anew() -> None:
    """Users differ in taste, so rows of one user belong together: resampling rows would make the AUC look twice as sure."""
    rng = np.random.default_rng(8)
    taste = rng.normal(size=150)
    user = np.repeat(np.arange(150), 30)
    label = rng.random(4500) < 1 / (1 + np.exp(-2 * taste[user]))
    score = np.round(taste[user] + rng.normal(size=4500), 1)
    of_user = [np.flatnonzero(user == u) for u in range(150)]
    drawn = [np.concatenate([of_user[u] for u in rng.integers(150, size=150)]) for _ in range(400)]
    exact = np.std([auc(label[rows], score[rows]) for rows in drawn])
    assert auc_values(user, label, score, 150).std() / np.sqrt(150) == pytest.approx(exact, rel=0.12)


def test_log_loss_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.99, 500).astype(np.float32)
    label = rng.random(500) < p
    assert log_loss(label, p) == pytest.approx(sklearn_metrics.log_loss(label, p.astype(np.float64)))


def test_log_loss_of_a_wrong_certainty_is_large_but_finite() -> None:
    assert 10 < log_loss(np.array([1.0, 0.0]), np.array([0.0, 1.0], np.float32)) < 20


def test_calibration_error_is_the_distance_computed_by_hand() -> None:
    p = np.array([0.1, 0.1, 0.1, 0.1, 0.6, 0.6])
    label = np.array([0, 0, 0, 1, 1, 1])
    assert expected_calibration_error(label, p, bins=3) == pytest.approx((4 * 0.15 + 2 * 0.4) / 6)


def test_calibration_bins_hold_about_equal_mass_and_every_row() -> None:
    p = np.random.default_rng(1).random(1500)
    curve = calibration_curve(p > 0.5, p, 15)
    assert curve.rows.tolist() == [100] * 15
    assert (np.diff(curve.predicted) > 0).all()


def test_probabilities_that_are_right_have_nearly_no_calibration_error() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(200_000)
    assert expected_calibration_error(rng.random(200_000) < p, p) < 0.005


@given(rows, st.randoms(use_true_random=False))
def test_calibration_error_does_not_depend_on_the_order_of_rows(drawn: Rows, random: object) -> None:
    _, label, score = np.array(drawn).T
    order = np.arange(len(label))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert expected_calibration_error(label, score / 6) == pytest.approx(expected_calibration_error(label[order], score[order] / 6))
