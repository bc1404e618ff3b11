"""A bias that wanders: its arithmetic against dense matrices, and whom it follows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from homefeed.training.factors.walk import Walk, _solve, _variances

SPANS = 8


@pytest.fixture
def systems() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Diagonals f64[6, 8] of walks with few rows and with many, right sides, and the tie of neighbours."""
    rng, tie = np.random.default_rng(0), 40.0
    diagonal = rng.choice([0.0, 0.1, 30.0, 4000.0], (6, SPANS)) + 2 * tie
    diagonal[:, -1] -= tie
    return diagonal, rng.normal(size=(6, SPANS)), tie


def dense(diagonal: npt.NDArray[np.float64], tie: float) -> npt.NDArray[np.float64]:
    beside = np.full(len(diagonal) - 1, -tie)
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def test_the_solution_is_that_of_dense_matrices(systems: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]) -> None:
    diagonal, right, tie = systems
    solved, _ = _solve(diagonal, tie, right)
    for row in range(len(diagonal)):
        np.testing.assert_allclose(solved[row], np.linalg.solve(dense(diagonal[row], tie), right[row]), rtol=1e-9)


def test_variances_and_those_between_neighbours_are_the_dense_inverses(systems: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]) -> None:
    diagonal, right, tie = systems
    _, pivots = _solve(diagonal, tie, right)
    variance, covariance = _variances(diagonal, tie, pivots)
    for row in range(len(diagonal)):
        inverse = np.linalg.inv(dense(diagonal[row], tie))
        np.testing.assert_allclose(variance[row], np.diag(inverse), rtol=1e-9)
        np.testing.assert_allclose(covariance[row], np.diag(inverse, 1), rtol=1e-9)


def test_one_span_is_a_bias_with_the_steps_variance_for_its_prior() -> None:
    walk = Walk(np.zeros(10, np.int64), np.zeros(10, np.int64), 1, 1, 0.5)
    walk.improve(np.ones(10, np.float32), np.full(10, 0.1, np.float32))
    assert walk.last()[0] == pytest.approx(1 / (10 + 1 / 0.5), rel=1e-5)


def planted(rng: np.random.Generator, at: npt.NDArray[np.float64], rows: int) -> tuple[Walk, npt.NDArray[np.float32]]:
    """``at`` f64[S, 8]: true biases. ``rows`` a cell, each observed with noise of variance 1."""
    slot, span = np.repeat(np.arange(len(at)), SPANS * rows), np.tile(np.repeat(np.arange(SPANS), rows), len(at))
    return Walk(slot, span, len(at), SPANS, 0.002), (at[slot, span] + rng.normal(size=len(slot))).astype(np.float32)


def improve(walk: Walk, observed: npt.NDArray[np.float32], sweeps: int = 60) -> None:
    for _ in range(sweeps):
        walk.improve(np.ones(len(observed), np.float32), observed - walk.of_rows())


def test_a_slot_that_changes_its_mind_is_followed_and_one_that_does_not_stays_at_0() -> None:
    rng, at = np.random.default_rng(1), np.zeros((40, SPANS))
    at[:10, SPANS // 2 :] = 1.5
    walk, observed = planted(rng, at, 100)
    improve(walk, observed)
    assert np.abs(walk.last()[:10] - 1.5).max() < 0.4
    assert np.abs(walk.at[:10, 0]).max() < 0.3
    assert np.abs(walk.last()[10:]).max() < 0.3


def test_where_nobody_changes_the_steps_vanish_and_where_all_do_their_variance_is_found() -> None:
    rng = np.random.default_rng(2)
    still, observed = planted(rng, np.zeros((50, SPANS)), 50)
    improve(still, observed)
    assert still.step < 0.0015
    assert np.abs(still.last()).max() < 0.1
    wander, observed = planted(rng, np.cumsum(rng.normal(0, 0.3, (50, SPANS)), 1), 50)
    improve(wander, observed)
    assert wander.step == pytest.approx(0.09, rel=0.25)


def test_a_slot_whose_rows_end_early_ends_where_they_did_and_one_without_rows_at_0() -> None:
    walk = Walk(np.zeros(200, np.int64), np.repeat([0, 1], 100), 2, SPANS, 0.5)
    improve(walk, np.ones(200, np.float32), sweeps=3)
    assert walk.at[0, 1:] == pytest.approx(np.full(SPANS - 1, walk.at[0, 1]))
    assert walk.at[0, 1] > 0.9
    assert not walk.at[1].any()


def test_what_it_says_it_changed_is_what_it_changed() -> None:
    walk, observed = planted(np.random.default_rng(3), np.ones((5, SPANS)) * 4, 20)
    before = walk.of_rows()
    moved = walk.improve(np.ones(len(observed), np.float32), observed)
    np.testing.assert_allclose(walk.of_rows() - before, moved, atol=1e-6)
    assert np.abs(moved).max() <= 1 + 1e-6
