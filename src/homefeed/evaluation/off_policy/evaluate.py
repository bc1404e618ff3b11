"""Every question put to the log, each with its answer or with why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from homefeed.core.progress import Progress
from homefeed.evaluation.off_policy.estimators import OwnMean, estimate
from homefeed.evaluation.off_policy.logged import LoggedRows
from homefeed.evaluation.off_policy.policy import Policy
from homefeed.evaluation.off_policy.refusal import reasons_to_refuse
from homefeed.evaluation.off_policy.report import OffPolicyReport, PolicyReport
from homefeed.evaluation.off_policy.reward_model import FOLDS, RewardModel, fit_reward_model
from homefeed.evaluation.off_policy.weights import diagnose, importance_weights
from homefeed.features.entities import EntityTable
from homefeed.metrics.intervals import bootstrap, ratio_of_sums

LOGGED = "the log itself"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a target policy really earned, where that is known."""

    name: str
    own: OwnMean


def evaluate_policies(
    rows: LoggedRows,
    policies: Sequence[Policy],
    users: EntityTable,
    items: EntityTable,
    rng: np.random.Generator,
    made_at: datetime,
    progress: Progress,
    reference: Reference | None = None,
) -> OffPolicyReport:
    """``policies``: tables of choices for ``rows``. ``reference``: None for the log's own click rate."""
    model = fit_reward_model(rows, users.slots[:, 1:], items.slots, rng, progress)
    counts = np.unique(rows.user, return_inverse=True)[1]
    shown, clicked = np.bincount(counts).astype(np.float64), np.bincount(counts, rows.click)
    return OffPolicyReport(
        made_at=made_at.isoformat(timespec="seconds"),
        rows=len(rows),
        users=len(shown),
        clicks=int(rows.click.sum()),
        positions=rows.places,
        logged=bootstrap(ratio_of_sums(clicked[:, None], shown[:, None]), len(shown), rng)[0],
        reference=reference.name if reference else LOGGED,
        reward_model=f"logistic regression on the user's tags, the item's id and tags and the position, cross-fitted by user in {FOLDS} folds of these rows",
        policies=tuple(_answer(rows, policy, model, len(items), rng, reference) for policy in policies),
    )


def _answer(rows: LoggedRows, policy: Policy, model: RewardModel, n_items: int, rng: np.random.Generator, reference: Reference | None) -> PolicyReport:
    weights = importance_weights(policy, rows)
    diagnostics = diagnose(policy, rows, weights, n_items)
    refused = reasons_to_refuse(diagnostics)
    estimates = None
    if not refused:
        estimates = estimate(rows, weights.w, model.of_logged(rows), model.of_policy(policy), rng, reference.own if reference else None)
    return PolicyReport(policy.name, policy.text, diagnostics, refused, estimates)
