"""Users or items under the factor model: the sum of their fields' blocks, and one Newton step for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from homefeed.models.inputs import SideInput
from homefeed.training.factors.block import Block, block_of_numbers, block_of_values
from homefeed.training.factors.log import Floats, Ints, Order

FIRST_SPREAD = 0.1
"""Of the ids' tastes: with all of them at 0 no dimension would ever begin to differ from another."""


@dataclass(slots=True)
class Side:
    """``mean`` f32[N, K] and ``covariance`` f32[N, K, K] of the entities' (bias, taste)."""

    blocks: list[Block]
    order: Order
    mean: Floats
    covariance: Floats

    def spread(self) -> Floats:
        """f32[N, K]: variances."""
        variance: Floats = np.ascontiguousarray(np.diagonal(self.covariance, axis1=1, axis2=2))
        return variance

    def improve(self, other: Side, curvature: Floats, residual: Floats) -> None:
        """``curvature`` and ``residual``: f32[R] of the log's rows, of the logit's likelihood."""
        precision, gradient = self._evidence(other, curvature, residual)
        weight = self.order.sums(curvature)
        for block in self.blocks:
            moved = block.improve(precision, gradient, weight)
            self.mean = self.mean + moved
            gradient = gradient - np.einsum("nij,nj->ni", precision, moved)
        self.refresh()

    def refresh(self) -> None:
        """Covariances of the entities, from those of their values."""
        n, k = self.mean.shape
        self.covariance = np.zeros((n, k, k), np.float32)
        for block in self.blocks:
            self.covariance += (block.squares @ block.covariance.reshape(len(block.rows), -1)).reshape(n, k, k)

    def _evidence(self, other: Side, curvature: Floats, residual: Floats) -> tuple[Floats, Floats]:
        """Precision f32[N, K, K] and gradient f32[N, K] that the rows give each entity, the other side's uncertainty included."""
        n, k = self.mean.shape
        faced = np.hstack([np.ones((len(other.mean), 1), np.float32), other.mean[:, 1:]])
        unsure = other.covariance.copy()
        unsure[:, 0], unsure[:, :, 0] = 0, 0
        upper, weights = np.triu_indices(k), self.order.matrix(curvature)
        told = weights @ (faced[:, upper[0]] * faced[:, upper[1]] + unsure[:, upper[0], upper[1]])
        precision = np.zeros((n, k, k), np.float32)
        precision[:, upper[0], upper[1]] = precision[:, upper[1], upper[0]] = told
        lost = np.zeros((n, k, k), np.float32)
        lost[:, upper[0], upper[1]] = lost[:, upper[1], upper[0]] = weights @ unsure[:, upper[0], upper[1]]
        gradient = self.order.matrix(residual) @ faced - np.einsum("nij,nj->ni", lost, self.mean)
        return precision, gradient.astype(np.float32)


def side_of(table: SideInput, order: Order, first_number: int, padding: int, k: int, rng: np.random.Generator) -> Side:
    """``first_number``: where this side's numbers stand among those of both sides. Row numbers of numbers are negative: -1 - place."""
    blocks = [_block(table.fields[:, j].numpy(), table.first_field + j, k, rng if j == 0 else None) for j in range(table.fields.shape[1])]
    blocks += [_bag(bag.numpy(), k, padding) for bag in table.bags]
    blocks += [block_of_numbers(column, -1 - first_number - d, k) for d, column in enumerate(table.dense.numpy().T) if column.any()]
    blocks = [block for block in blocks if len(block.rows)]  # of ids there may be none that the model knows
    side = Side(blocks, order, np.zeros((len(table), k), np.float32), np.zeros((0, k, k), np.float32))
    for block in blocks:
        side.mean = side.mean + block.design @ block.mean
    side.refresh()
    return side


def _block(rows: Ints, unknown: int, k: int, rng: np.random.Generator | None) -> Block:
    """An id that the model does not know has no part of its own; an unknown tag is a value like others."""
    known = rows != unknown if rng is not None else np.ones(len(rows), np.bool_)
    values, place = np.unique(rows[known], return_inverse=True)
    places = np.full(len(rows), -1, np.int64)
    places[known] = place
    mean = np.zeros((len(values), k), np.float32)
    if rng is not None:
        mean[:, 1:] = rng.normal(0, FIRST_SPREAD, (len(values), k - 1))
    return block_of_values(places, mean, values)


def _bag(rows: Ints, k: int, padding: int) -> Block:
    entity, column = np.nonzero(rows != padding)
    values, place = np.unique(rows[entity, column], return_inverse=True)
    share = (1 / np.bincount(entity, minlength=len(rows)).clip(1))[entity].astype(np.float32)
    design = sparse.csr_matrix((share, (entity, place)), (len(rows), len(values)))
    return Block(design, design, values, np.zeros((len(values), k), np.float32))
