"""What the direct method believes of each item: a logistic model of the log itself, of which no user's rows help to judge that user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from homefeed.core.progress import Progress
from homefeed.evaluation.off_policy.logged import Doubles, Ints, LoggedRows
from homefeed.evaluation.off_policy.policy import Policy
from homefeed.features.entities import Slots

FOLDS = 5
STRENGTH = 1.0
"""Inverse of the L2 penalty."""
MAX_ITERATIONS = 100
BLOCK = 4_000_000
"""Rows times items that are held at once."""


@dataclass(frozen=True, slots=True)
class RewardModel:
    """``base``: float64[N], what user, position and the model's constant add to the logit of each logged row; ``item``: float64[folds, items], what the item
    adds; ``fold``: int64[N], whose model judges the row. No interactions: a control variate needs to be good, not perfect.
    """

    base: Doubles
    item: Doubles
    fold: Ints

    def of_logged(self, rows: LoggedRows) -> Doubles:
        """float64[N]: chance of a click on what was shown."""
        return _sigmoid(self.base + self.item[self.fold, rows.item])

    def of_policy(self, policy: Policy) -> Doubles:
        """float64[N]: chance of a click on what the policy would show in the place of each row; what the log does not know counts as no click."""
        known = np.where(policy.item > 0, policy.p, 0.0)
        size = max(BLOCK // policy.item.shape[1], 1)
        return np.concatenate([self._block(policy, known, slice(start, start + size)) for start in range(0, len(self.base), size)])

    def _block(self, policy: Policy, p: Doubles, part: slice) -> Doubles:
        context = policy.context[part]
        logit = self.base[part, None] + self.item[self.fold[part, None], policy.item[context]]
        chance: Doubles = np.einsum("nm,nm->n", p[context], _sigmoid(logit))
        return chance


def fit_reward_model(rows: LoggedRows, user_tags: Slots, item_slots: Slots, rng: np.random.Generator, progress: Progress) -> RewardModel:
    """``user_tags``: int32[users, T], ``item_slots``: int32[items, F]: slots, 0 for an unknown one. The id of a user is not among them: it is new to its model.

    Cross-fitting: Chernozhukov et al., Double/Debiased Machine Learning for Treatment and Structural Parameters, 2018.
    """
    fold = rng.permutation(np.arange(len(user_tags)) % FOLDS)[rows.user]
    features, items = _features(rows, user_tags, item_slots)
    base, item = np.zeros(len(rows)), np.zeros((FOLDS, len(item_slots)))
    with progress.task("Reward model", FOLDS, "folds") as advance:
        for k in range(FOLDS):
            constant, weight = _fitted(features[fold != k], rows.click[fold != k])
            item[k] = items @ weight
            base[fold == k] = constant + (features[fold == k] @ weight) - item[k, rows.item[fold == k]]
            advance(1)
    return RewardModel(base, item, fold)


def _features(rows: LoggedRows, user_tags: Slots, item_slots: Slots) -> tuple[csr_matrix, csr_matrix]:
    """One column a slot, then one a position: float32[N, S + places], and the items' share of it float32[items, S + places]."""
    first = int(max(user_tags.max(initial=0), item_slots.max(initial=0))) + 1
    width = first + rows.places
    items = _one_hot(item_slots, width)
    return _one_hot(np.column_stack([user_tags[rows.user], first + rows.place]), width) + items[rows.item], items


def _one_hot(slots: npt.NDArray[np.integer], width: int) -> csr_matrix:
    """Slot 0 is no column."""
    row = np.repeat(np.arange(len(slots)), slots.shape[1])
    known = slots.ravel() > 0
    return csr_matrix((np.ones(int(known.sum()), np.float32), (row[known], slots.ravel()[known])), shape=(len(slots), width))


def _fitted(features: csr_matrix, click: Doubles) -> tuple[float, Doubles]:
    """Constant and weights; a constant alone where there is one label only."""
    if not 0 < click.mean() < 1:
        return float(np.log((click.sum() + 0.5) / (len(click) - click.sum() + 0.5))), np.zeros(features.shape[1])
    model = LogisticRegression(C=STRENGTH, max_iter=MAX_ITERATIONS, tol=1e-4).fit(features, click)
    return float(model.intercept_[0]), model.coef_[0].astype(np.float64)


def _sigmoid(logit: Doubles) -> Doubles:
    return 1 / (1 + np.exp(-logit))
