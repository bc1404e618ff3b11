"""One field alone: its posterior against what can be worked out by hand or by a library."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import brentq

from homefeed.training.factors.block import MOST_LOGITS, Block, block_of_numbers, block_of_values
from homefeed.training.factors.log import Floats


def field_of(values: list[int], k: int = 1) -> Block:
    """Entity n has value ``values[n]``, -1 for none."""
    n_values = max(values) + 1
    return block_of_values(np.array(values), np.zeros((n_values, k), np.float32), np.arange(n_values))


def gaussian(block: Block, observed: Floats, noise: float, steps: int) -> None:
    """One observation of each entity's bias: precision 1 / ``noise``; a step is a Newton step from where the block is now."""
    precision = np.full((len(observed), 1, 1), 1 / noise, np.float32)
    for _ in range(steps):
        gradient = (observed[:, None] - block.design @ block.mean) / noise
        block.improve(precision, gradient.astype(np.float32), precision[:, 0, 0])


def test_one_gaussian_value_ends_at_the_posterior_of_the_textbook() -> None:
    observed = np.array([0.3, 0.5, 0.1, 0.7], np.float32)
    block, prior = field_of([0, 0, 0, 0]), 0.25
    for _ in range(3):
        block.prior = np.full(1, prior, np.float32)
        gaussian(block, observed, noise=0.5, steps=1)
    assert block.mean[0, 0] == pytest.approx((observed.sum() / 0.5) / (4 / 0.5 + 1 / prior), abs=1e-6)
    assert block.covariance[0, 0, 0] == pytest.approx(1 / (4 / 0.5 + 1 / prior), abs=1e-6)


def test_correlated_evidence_gives_the_joint_posterior() -> None:
    rng = np.random.default_rng(0)
    faced = rng.normal(size=(50, 3)).astype(np.float32)
    truth = np.array([0.2, -0.4, 0.3], np.float32)
    precision, evidence = np.einsum("ni,nj->nij", faced, faced), faced * (faced @ truth)[:, None]
    block = field_of([0] * 50, k=3)
    for _ in range(5):
        block.prior = np.array([0.1, 0.2, 0.4], np.float32)
        block.improve(precision, evidence - np.einsum("nij,j->ni", precision, block.mean[0]), np.ones(50, np.float32))
    posterior = faced.T @ faced + np.diag([10, 5, 2.5])
    np.testing.assert_allclose(block.mean[0], np.linalg.solve(posterior, evidence.sum(0)), atol=1e-5)
    np.testing.assert_allclose(block.covariance[0], np.linalg.inv(posterior), atol=1e-6)


def test_one_value_of_clicks_ends_at_the_mode_of_the_logistic_posterior() -> None:
    clicked, shown, prior = 30, 40, 0.5
    block = field_of([0])
    for _ in range(30):
        block.prior = np.full(1, prior, np.float32)
        p = 1 / (1 + np.exp(-block.mean[0, 0]))
        told, slope = shown * p * (1 - p), clicked - shown * p
        block.improve(np.full((1, 1, 1), told, np.float32), np.full((1, 1), slope, np.float32), np.full(1, told, np.float32))
    mode = brentq(lambda x: clicked - shown / (1 + np.exp(-x)) - x / prior, -5, 5)
    assert block.mean[0, 0] == pytest.approx(mode, abs=1e-5)
    assert block.covariance[0, 0, 0] == pytest.approx(1 / (shown / (2 + np.exp(mode) + np.exp(-mode)) + 1 / prior), rel=1e-4)


def test_a_rare_value_stays_near_0_and_a_frequent_one_comes_near_the_truth() -> None:
    """200 values that differ by a standard deviation of 0.5, half of them with 1 observation of noise 4, half with 400."""
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 0.5, 200).astype(np.float32)
    noise = np.where(np.arange(200) < 100, 4.0, 4.0 / 400).astype(np.float32)
    observed = truth + rng.normal(size=200).astype(np.float32) * np.sqrt(noise)
    block = field_of(list(range(200)))
    for _ in range(30):
        gradient = (observed - block.mean[:, 0]) / noise
        block.improve((1 / noise)[:, None, None], gradient[:, None], 1 / noise)
    rare, frequent = block.mean[:100, 0], block.mean[100:, 0]
    assert block.prior[0] == pytest.approx(0.25, rel=0.25)
    assert np.abs(frequent - truth[100:]).max() < 0.3
    assert np.abs(rare).mean() < 0.1 * np.abs(observed[:100]).mean()
    assert (block.covariance[:100, 0, 0] > 0.8 * block.prior[0]).all()


def test_a_field_that_tells_nothing_shrinks_and_one_that_tells_much_does_not() -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(0, 20, 4000)
    noise = rng.normal(size=4000).astype(np.float32)
    nothing, much = (block_of_values(values, np.zeros((20, 1), np.float32), np.arange(20)) for _ in range(2))
    gaussian(nothing, noise, noise=1.0, steps=40)
    gaussian(much, noise + rng.normal(0, 1.0, 20)[values].astype(np.float32), noise=1.0, steps=40)
    assert nothing.prior[0] < 0.01
    by_itself = np.bincount(values, noise) / np.bincount(values)
    assert np.abs(nothing.mean[:, 0]).mean() < 0.6 * np.abs(by_itself).mean()
    assert much.prior[0] > 0.4


def test_no_step_moves_a_values_rows_by_more_than_a_logit() -> None:
    block = field_of([0, 0])
    moved = block.improve(np.full((2, 1, 1), 1e-3, np.float32), np.full((2, 1), 1e4, np.float32), np.full(2, 1e-3, np.float32))
    np.testing.assert_allclose(moved, MOST_LOGITS, rtol=1e-4)
    assert block.mean[0, 0] == pytest.approx(MOST_LOGITS, rel=1e-4)


def test_who_has_no_value_is_moved_by_none_and_moves_none() -> None:
    block = field_of([0, -1, 1])
    told = np.array([1.0, 1e9, 1.0], np.float32)
    moved = block.improve(told[:, None, None], np.array([[0.1], [1e9], [-0.1]], np.float32), told)
    assert moved[1, 0] == 0
    assert moved[0, 0] == -moved[2, 0] > 0


def test_the_slope_of_a_number_is_that_of_ridge_regression() -> None:
    rng = np.random.default_rng(3)
    column = rng.normal(size=300).astype(np.float32)
    observed = 0.4 * column + rng.normal(0, 0.1, 300).astype(np.float32)
    block = block_of_numbers(column, -1, 1)
    for _ in range(5):
        block.prior = np.full(1, 0.2, np.float32)
        gaussian(block, observed, noise=0.01, steps=1)
    assert block.mean[0, 0] == pytest.approx((column @ observed) / (column @ column + 0.01 / 0.2), abs=1e-4)


def test_the_values_of_a_bag_share_what_their_entities_tell() -> None:
    """Entities of (a), (b) and (a, b) that tell 1, 0 and a half: no bag needs more than its values' mean."""
    design = sparse.csr_matrix(np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32))
    block = Block(design, design, np.arange(2), np.zeros((2, 1), np.float32))
    for _ in range(60):
        block.prior = np.full(1, 100.0, np.float32)
        gaussian(block, np.array([1, 0, 0.5], np.float32), noise=0.01, steps=1)
    np.testing.assert_allclose(block.mean[:, 0], [1, 0], atol=1e-3)
