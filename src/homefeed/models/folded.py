"""The ranker in numpy over a table folded per item, so that a request costs one gather and a few small products.

DeepFM's second-order term and its first dense layer split into a user part and an item part: with field sums ``su``, ``si`` the factorised term
0.5 (|su + si|^2 - q) is a user number + an item number + su . si, and W [xu, xi] = Wu xu + Wi xi. Item parts are computed once a release.
The factor model is a number of each and one more dot product: its tastes stand behind the field sums, and the weights of the mix are in the item parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, takewhile

import numpy as np
import numpy.typing as npt

from homefeed.features.encoder import EncodedTable
from homefeed.models.factors import Factors
from homefeed.models.lookup import Floats, field_embeddings
from homefeed.models.mix import Mix
from homefeed.models.orders import chances
from homefeed.models.weights import ModelWeights

Layer = tuple[Floats, Floats]
"""Weight, transposed to [in, out], and bias [out]."""


@dataclass(frozen=True, slots=True)
class Part:
    """N entities' share. ``constant``: float32[N]; ``fm``: float32[N, d], field sums, then tastes; ``first``: float32[N, h], before the first ReLU."""

    constant: Floats
    fm: Floats
    first: Floats


@dataclass(frozen=True, slots=True)
class _Side:
    """One side's share of the first-order and the first dense weights: ``weight`` float32[F d + D, h], ``dense_linear`` float32[D]."""

    embedding: Floats
    linear: Floats
    weight: Floats
    dense_linear: Floats
    mix: Mix

    def part(self, table: EncodedTable, dense: Floats, taste: Floats) -> Part:
        """``taste``: float32[N, 1 + d], of the factor model."""
        vectors = field_embeddings(self.embedding, table)
        first_order = field_embeddings(self.linear, table).sum((1, 2)) + dense @ self.dense_linear
        sums = vectors.sum(1)
        second_order = 0.5 * ((sums**2).sum(1) - (vectors**2).sum((1, 2)))
        constant = self.mix.deep * (first_order + second_order) + self.mix.factors * taste[:, 0]
        first = np.hstack([vectors.reshape(len(table), -1), dense]) @ self.weight
        return Part(constant.astype(np.float32), np.hstack([sums, taste[:, 1:]]), first)


@dataclass(frozen=True, slots=True)
class FoldedRanker:
    """Scores items for one user. ``items``: float32[N, 1 + d + h], an item's constant, field sum and taste, and first-layer share, with all biases in.

    What the deep part counts is in all of them but the layers, which ``logits`` weighs at their end.
    """

    user: _Side
    factors: Factors
    items: Floats
    deeper: tuple[Layer, ...]

    @classmethod
    def fold(cls, weights: ModelWeights, items: EncodedTable, hotness: Floats) -> FoldedRanker:
        """``hotness``: float32[N], global_score of each item. Raises ``KeyError`` or ``ValueError`` where the arrays are not a ranker of this shape."""
        mix, factors, heat = Mix.of(weights.config), Factors.of(weights.arrays), _hotness_feature(weights, hotness)
        user_side, item_side = _sides(weights, items, mix)
        if (len(factors.values), len(factors.numbers)) != (len(user_side.embedding), len(weights.arrays["dense_linear"]) - 1):
            raise ValueError("the ranker's factor model is of another vocabulary or other numbers than its DeepFM")
        part = item_side.part(items, np.hstack([items.dense, heat[:, None]]), factors.of_items(items))
        shared = mix.intercept + mix.deep * weights.arrays["bias"] + mix.factors * (factors.bias[0] + factors.bias[1] * heat)
        weighed = part.fm * _weights_of(mix, part.fm.shape[1], factors)
        folded = np.hstack([(part.constant + shared)[:, None], weighed, part.first + weights.arrays["mlp.0.bias"]]).astype(np.float32)
        if not np.isfinite(folded).all():
            raise ValueError("the ranker's weights hold values that are not finite")
        return cls(user_side, factors, folded, _deeper(weights))

    def user_part(self, user: EncodedTable) -> Part:
        """What a one-row table of a user adds to every item."""
        return self.user.part(user, user.dense, self.factors.of_users(user))

    def logits(self, user: Part, item_rows: npt.NDArray[np.int32]) -> Floats:
        """float32[n] for int32[n] rows of the item table."""
        items = self.items[item_rows]
        width = 1 + user.fm.shape[1]
        x = items[:, width:] + user.first
        for weight, bias in self.deeper:
            x = np.maximum(x, 0, out=x) @ weight
            x += bias
        logits: Floats = items[:, 1:width] @ user.fm[0] + items[:, 0] + np.float32(self.user.mix.deep) * x[:, 0] + user.constant
        return logits

    def score(self, user: Part, item_rows: npt.NDArray[np.int32]) -> Floats:
        """pCTR, float32[n]."""
        return chances(self.logits(user, item_rows))


def _sides(weights: ModelWeights, items: EncodedTable, mix: Mix) -> tuple[_Side, _Side]:
    arrays = weights.arrays
    first, embedding, linear, dense_linear = arrays["mlp.0.weight"].T, arrays["embedding"], arrays["linear"][:, None], arrays["dense_linear"]
    n_fields, dim = weights.vocabulary.n_fields, embedding.shape[1]
    user_fields, item_dense = (n_fields - items.n_fields) * dim, items.dense.shape[1] + 1
    n_dense, n_user_dense = len(dense_linear), len(dense_linear) - item_dense
    if user_fields < 0 or n_user_dense < 0 or len(first) != n_fields * dim + n_dense:
        raise ValueError(f"the ranker reads {len(first)} numbers, the release holds {n_fields} fields of {dim} and {n_dense} dense features")
    of_fields, of_dense = first[: n_fields * dim], first[n_fields * dim :]
    user = np.ascontiguousarray(np.vstack([of_fields[:user_fields], of_dense[:n_user_dense]]))
    item = np.ascontiguousarray(np.vstack([of_fields[user_fields:], of_dense[n_user_dense:]]))
    return _Side(embedding, linear, user, dense_linear[:n_user_dense], mix), _Side(embedding, linear, item, dense_linear[n_user_dense:], mix)


def _hotness_feature(weights: ModelWeights, hotness: Floats) -> Floats:
    feature: Floats = ((np.log1p(hotness) - weights.config["hotness_mean"]) / weights.config["hotness_std"]).astype(np.float32)
    return feature


def _weights_of(mix: Mix, width: int, factors: Factors) -> Floats:
    """float32[d]: what each number of the field sums and tastes counts."""
    n_tastes = factors.values.shape[1] - 1
    return np.repeat(np.array([mix.deep, mix.factors], np.float32), [width - n_tastes, n_tastes])


def _deeper(weights: ModelWeights) -> tuple[Layer, ...]:
    """Layers behind the first."""
    names = takewhile(lambda name: f"{name}.weight" in weights.arrays, (f"mlp.{k}" for k in count(1)))
    return tuple((np.ascontiguousarray(weights.arrays[f"{n}.weight"].T), weights.arrays[f"{n}.bias"]) for n in names)
