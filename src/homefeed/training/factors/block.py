"""One field of one side: a normal distribution of (bias, taste) for each of its values, all under one prior that is learned with them.

How widely the values of a field differ decides how far a value with few rows is trusted: rare ids stay near 0, a field that tells nothing vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from homefeed.training.factors.log import Floats, Ints, Matrix

FIRST_PRIOR = 0.1
"""Variance of a bias or of one taste dimension before anything is learned, in squared logits."""
PRIOR_VALUES = 1.0
"""The first prior counts as so many values."""
FIRST_PRIOR_LIMIT = 0.02
MOST_PRIOR = 10.0
"""No wider than that: where a few rows of great weight can be told apart wholly, nothing else ends the growth of tastes."""
MOST_LOGITS = 1.0
"""A step changes the logits of a value's rows by no more than that (root mean square): beyond it the quadratic picture of the likelihood is wrong."""

AT_ONCE = 50_000
"""Values whose matrices are inverted together, for memory's sake."""
MOST_UNITS = 1000.0
"""No entity of the log is so far from the others; one that is not in it may be, and its square must stay a number."""


@dataclass(slots=True)
class Block:
    """``design``: f32[N, S], which values an entity has (a bag's add up to 1); ``squares``: what bounds its square in a step.

    ``rows``: i64[S], the values' rows in the model's table. ``mean`` f32[S, K] and ``covariance`` f32[S, K, K] of (bias, taste); ``prior``: f32[K], variances.
    """

    design: Matrix
    squares: Matrix
    rows: Ints
    mean: Floats
    covariance: Floats = field(init=False)
    prior: Floats = field(init=False)

    def __post_init__(self) -> None:
        n, k = self.mean.shape
        self.prior = np.full(k, FIRST_PRIOR, np.float32)
        self.covariance = np.broadcast_to(np.diag(self.prior), (n, k, k)).astype(np.float32)
        self._design_t, self._squares_t = (sparse.csr_matrix(matrix.T) for matrix in (self.design, self.squares))

    _design_t: Matrix = field(init=False)
    _squares_t: Matrix = field(init=False)

    def improve(self, precision: Floats, gradient: Floats, weight: Floats) -> Floats:
        """One Newton step from f32[N, K, K], f32[N, K] and f32[N] (sum of the rows' weights) of the entities; what it changes in them, f32[N, K]."""
        n, k = gradient.shape
        told = (self._squares_t @ precision.reshape(n, -1)).reshape(-1, k, k)
        slope = self._design_t @ gradient - self.mean / self.prior
        self.covariance = _inverses(told, self.prior)
        change = np.einsum("sij,sj->si", self.covariance, slope)
        change *= _within_reach(change, told, self._squares_t @ weight)[:, None]
        self.mean = self.mean + change
        self._learn_prior()
        moved: Floats = self.design @ change
        return moved

    def _learn_prior(self) -> None:
        square = self.mean**2 + np.diagonal(self.covariance, axis1=1, axis2=2)
        learned = (square.sum(0) + PRIOR_VALUES * FIRST_PRIOR_LIMIT) / (len(square) + PRIOR_VALUES)
        self.prior = learned.clip(max=MOST_PRIOR).astype(np.float32)


def _inverses(told: Floats, prior: Floats) -> Floats:
    """f32[S, K, K], of ``told`` with the prior's precision added: in doubles, some at a time. What a million rows tell is nearly singular beside a prior."""
    inverse, believed = np.empty_like(told), np.diag(1 / prior.astype(np.float64))
    for start in range(0, len(told), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        inverse[part] = np.linalg.inv(told[part] + believed)
    return inverse


def _within_reach(change: Floats, told: Floats, weight: Floats) -> Floats:
    """f32[S], up to 1: what is to be left of each step."""
    square = np.einsum("si,sij,sj->s", change, told, change) / np.maximum(weight, 1e-9)
    reach: Floats = np.minimum(1, MOST_LOGITS / np.sqrt(np.maximum(square, 1e-12))).astype(np.float32)
    return reach


def block_of_values(values: Ints, mean_of: Floats, rows: Ints) -> Block:
    """Of one value an entity: i64[N], places in ``rows``, -1 where it has none."""
    has = np.flatnonzero(values >= 0)
    design = sparse.csr_matrix((np.ones(len(has), np.float32), (has, values[has])), (len(values), len(rows)))
    return Block(design, design, rows, mean_of)


def block_of_numbers(column: Floats, row: int, k: int) -> Block:
    """Of one number an entity, in standard units."""
    design = sparse.csr_matrix(column[:, None].clip(-MOST_UNITS, MOST_UNITS).astype(np.float32))
    return Block(design, design.multiply(design).tocsr(), np.array([row]), np.zeros((1, k), np.float32))
