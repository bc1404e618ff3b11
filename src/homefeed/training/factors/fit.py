"""Fits the factor model: logit = bias + walks + hotness + user bias + item bias + user taste . item taste.

Variational Bayes with full-batch Newton steps: each side in turn is a Bayesian linear regression on the other one (Zhou et al., Stern et al., Matchbox,
WWW 2009, for factors from ids and tags; Challis and Barber, JMLR 2013, for the Gaussian bound). Nothing is tuned: the priors are learned with it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from homefeed.artifacts.processed import Interactions
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress
from homefeed.models.factors import Factors
from homefeed.models.inputs import Inputs
from homefeed.training.factors.log import Floats, Ints, order_by
from homefeed.training.factors.side import side_of
from homefeed.training.factors.walk import MOST_LOGITS, Walk

DIMENSIONS = 12
"""Of taste. A dimension that the log does not support shrinks to nothing; 20 and 24 changed no figure."""
SWEEPS = 40
SPANS = 8
"""Spans of time of a walk: of the log for items, of a user's own rows for users."""
STEP, STEP_OF_USER = 0.002, 0.02
"""Variance of a walk's step before it is learned, in squared logits: where rows are few it stays about that."""
MOST_PLACES = 50
"""Places of a page that have a bias of their own; those behind share the last one."""
AT_ONCE = 50_000
"""Rows whose tastes are gathered together, for memory's sake and the cache's."""
MOST_CERTAIN = 1e-6
"""A fit begins no nearer to 0 or 1 than that."""
PROBIT = np.float32(np.pi / 8)
"""sigmoid(m / sqrt(1 + pi/8 v)) is the mean of sigmoid over a normal of mean m and variance v (MacKay, 1992)."""


class FactorFit:
    """One fit in progress. ``hotness``: f32[R], standardised, of each row's moment."""

    def __init__(self, inputs: Inputs, rows: Interactions, hotness: Floats, seed: int) -> None:
        rng, k = np.random.default_rng(seed), DIMENSIONS + 1
        n_users, n_items, padding = len(inputs.users), len(inputs.items), inputs.vocabulary.padding
        self.inputs, self.rows, self.hotness = inputs, rows, hotness
        self.users = side_of(inputs.users, order_by(rows.user, rows.item, n_users, n_items), 0, padding, k, rng)
        self.items = side_of(inputs.items, order_by(rows.item, rows.user, n_items, n_users), inputs.users.dense.shape[1], padding, k, rng)
        self.walks = _walks(rows, n_users, n_items)
        self.place = Walk(_places(rows), np.zeros(len(rows), np.int64), MOST_PLACES + 1, 1, STEP)
        click_rate = np.average(rows.label, weights=rows.weight).clip(MOST_CERTAIN, 1 - MOST_CERTAIN)
        self.bias, self.hot = np.float32(logit(click_rate)), np.float32(0)

    def sweep(self) -> None:
        curvature, residual = self._likelihood()
        self._improve_rows(curvature, residual)
        self.items.improve(self.users, *self._likelihood())
        self.users.improve(self.items, *self._likelihood())

    def factors(self) -> Factors:
        """What the walks ended at is part of their ids' biases."""
        k, sides = self.users.mean.shape[1], (self.users, self.items)
        values = np.zeros((self.inputs.vocabulary.size, k), np.float32)
        numbers = np.zeros((self.inputs.n_dense, k), np.float32)
        for block in (block for side in sides for block in side.blocks):
            target, rows = (values, block.rows) if block.rows[0] >= 0 else (numbers, -1 - block.rows)
            target[rows] = block.mean
        of_user, of_item, of_all = (walk.last() for walk in self.walks)
        for side, ended in ((self.inputs.users, of_user), (self.inputs.items, of_item)):
            ids = side.fields[:, 0].numpy()
            values[ids[ids != side.first_field], 0] += ended[ids != side.first_field]
        bias = np.array([self.bias + of_all[0] + self.place.of_rows().mean(), self.hot], np.float32)
        return Factors(values, numbers, bias)

    def of_place(self) -> Floats:
        """f32[R]: what its place on the page adds to each row's logit, 0 on average; nothing where the log names none."""
        added = self.place.of_rows()
        centred: Floats = added - added.mean()
        return centred

    def _improve_rows(self, curvature: Floats, residual: Floats) -> None:
        """What is the same for every entity, and the walks."""
        for walk in (*self.walks, self.place):
            residual = residual - curvature * walk.improve(curvature, residual)
        for name, column in (("bias", np.float32(1)), ("hot", self.hotness)):
            told = (curvature * column * column).sum()
            step = (residual * column).sum() / (told + 1)
            step = np.float32(step * min(1, MOST_LOGITS / max(abs(step) * np.sqrt(told / max(curvature.sum(), 1e-9)), 1e-9)))
            setattr(self, name, getattr(self, name) + step)
            residual = residual - curvature * step * column

    def _likelihood(self) -> tuple[Floats, Floats]:
        """f32[R] curvature and slope of each row's expected log likelihood in its logit."""
        mean, variance = self._logits()
        sure = 1 / np.sqrt(1 + PROBIT * variance)
        p = expit(mean * sure)
        weight = self.rows.weight
        return weight * p * (1 - p) * sure, weight * (self.rows.label - p)

    def _logits(self) -> tuple[Floats, Floats]:
        """f32[R] mean and variance of each row's logit; that of two tastes' product as if their dimensions were independent."""
        mean: Floats = self.bias + self.hot * self.hotness + sum(walk.of_rows() for walk in (*self.walks, self.place))
        variance = np.empty_like(mean)
        of_users, of_items = self.users.spread(), self.items.spread()
        for start in range(0, len(mean), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            user, item = self.rows.user[part], self.rows.item[part]
            u, i, var_u, var_i = self.users.mean[user], self.items.mean[item], of_users[user], of_items[item]
            mean[part] += u[:, 0] + i[:, 0] + _dots(u, i)
            variance[part] = var_u[:, 0] + var_i[:, 0] + _dots(u * u + var_u, var_i) + _dots(var_u, i * i)
        return mean, variance


def fit_factors(inputs: Inputs, rows: Interactions, hotness: Floats, seed: int, progress: Progress, title: str) -> tuple[Factors, Floats]:
    """``rows``: with both labels among them. Beside the factors f32[R]: what its place on the page adds to each row's logit.

    Raises ``ArtifactError`` when a number is not finite: such a model must never be saved.
    """
    fit = FactorFit(inputs, rows, hotness, seed)
    with progress.task(title, len(rows) * SWEEPS, "rows") as advance:
        for _ in range(SWEEPS):
            fit.sweep()
            advance(len(rows))
    factors = fit.factors()
    if not all(np.isfinite(array).all() for array in factors.arrays().values()):
        raise ArtifactError(
            f"{title}: training diverged",
            expected="finite weights",
            next_step="Look for extreme weights of events (etl.events) and extreme numbers in the data",
        )
    return factors, fit.of_place()


def _dots(left: Floats, right: Floats) -> Floats:
    """f32[R]: of the tastes alone."""
    product: Floats = np.einsum("rk,rk->r", left[:, 1:], right[:, 1:])
    return product


def _walks(rows: Interactions, n_users: int, n_items: int) -> tuple[Walk, Walk, Walk]:
    """Users wander over their own rows, items and the shop as a whole over the log's time."""
    order = np.lexsort((rows.ts_us, rows.user))
    counts = np.bincount(rows.user, minlength=n_users)
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    own_span = place * SPANS // counts[rows.user]
    span = np.searchsorted(np.quantile(rows.ts_us, np.arange(1, SPANS) / SPANS), rows.ts_us, side="right")
    return (
        Walk(rows.user.astype(np.int64), own_span, n_users, SPANS, STEP_OF_USER),
        Walk(rows.item.astype(np.int64), span, n_items, SPANS, STEP),
        Walk(np.zeros(len(rows), np.int64), span, 1, SPANS, STEP),
    )


def _places(rows: Interactions) -> Ints:
    position = np.zeros(len(rows), np.int32) if rows.position is None else rows.position
    places: npt.NDArray[np.int64] = position.clip(0, MOST_PLACES).astype(np.int64)
    return places
