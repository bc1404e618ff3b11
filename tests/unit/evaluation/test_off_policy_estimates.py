"""Estimates of a policy that did not make the log, against a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest
from planted_bandit import ITEMS, KINDS, Bandit, planted_bandit, true_rewards

from homefeed.core.progress import Silent
from homefeed.evaluation.off_policy.estimators import ESTIMATORS, Estimates, OwnMean, estimate
from homefeed.evaluation.off_policy.logged import LoggedRows
from homefeed.evaluation.off_policy.policy import Policy
from homefeed.evaluation.off_policy.refusal import reasons_to_refuse
from homefeed.evaluation.off_policy.reward_model import RewardModel, fit_reward_model
from homefeed.evaluation.off_policy.weights import diagnose, effective_size, importance_weights
from homefeed.features.entities import Slots
from homefeed.simulation.policies import logged_bandit

LOGS = 200


def repeated(bandit: Bandit, logs: int = LOGS, error: float = 0.0) -> list[Estimates]:
    """The target's estimates from so many logs; the reward model is off by ``error``."""
    found = []
    for seed in range(logs):
        rng = np.random.default_rng(seed)
        rows = bandit.log(rng, users=60, visits=20)
        weights = importance_weights(bandit.policy(rows, bandit.target), rows)
        found.append(estimate(rows, weights.w, *true_rewards(bandit, rows, bandit.target, error), rng))
    return found


@pytest.fixture(scope="module")
def bandit() -> Bandit:
    return planted_bandit()


@pytest.fixture(scope="module")
def estimates(bandit: Bandit) -> list[Estimates]:
    return repeated(bandit, error=0.02)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_mean_over_many_logs_is_the_truth_and_not_the_logs_own_click_rate(name: str, bandit: Bandit, estimates: list[Estimates]) -> None:
    means = np.array([e.values[name].mean for e in estimates])
    error = means.std() / np.sqrt(LOGS)
    assert abs(means.mean() - bandit.target_value) < 3.5 * error
    assert bandit.target_value - bandit.logging_value > 20 * error


@pytest.mark.parametrize("name", ESTIMATORS)
def test_about_nineteen_of_twenty_intervals_hold_the_truth(name: str, bandit: Bandit, estimates: list[Estimates]) -> None:
    held = sum(e.values[name].low <= bandit.target_value <= e.values[name].high for e in estimates)
    ahead = bandit.target_value - bandit.logging_value
    held_ahead = sum(e.ahead[name].low <= ahead <= e.ahead[name].high for e in estimates)
    assert 180 <= held <= 199  # 95 % of 200, three standard deviations each way
    assert 180 <= held_ahead <= 199


def test_a_good_reward_model_makes_the_estimate_surer() -> None:
    generous = planted_bandit(rate=0.7)
    ips, dr = (np.array([e.values[name].mean for e in repeated(generous, 100)]).std() for name in ("ips", "dr"))
    assert dr < 0.9 * ips


def test_on_policy_all_weights_are_one_and_ips_and_snips_are_the_click_rate(bandit: Bandit) -> None:
    rows = bandit.log(np.random.default_rng(1))
    weights = importance_weights(bandit.policy(rows, bandit.logging), rows)
    np.testing.assert_allclose(weights.w, 1.0)
    found = estimate(rows, weights.w, np.zeros(len(rows)), np.zeros(len(rows)), np.random.default_rng(0))
    assert [found.values[name].mean for name in ESTIMATORS] == pytest.approx([rows.click.mean()] * 3)
    assert found.reference.mean == pytest.approx(rows.click.mean())
    assert found.ahead["dr"].low == pytest.approx(0, abs=1e-12) == found.ahead["dr"].high


def test_figures_of_four_rows_by_hand() -> None:
    rows = LoggedRows(*np.array([[1, 1, 2, 2], [0, 0, 0, 0], [1, 2, 1, 2]]), np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.8, 0.2]))
    policy = Policy("b", "", np.zeros(4, np.int64), np.array([[2, 1]], np.int32), np.array([[0.75, 0.25]]))
    weights = importance_weights(policy, rows)
    np.testing.assert_allclose(weights.raw, [0.5, 1.5, 0.3125, 3.75])
    cap = (0.5 + 1.5 + 0.3125 + 3.75) / 4 * 2
    np.testing.assert_allclose(weights.w, [0.5, 1.5, 0.3125, cap])
    found = estimate(rows, weights.w, np.array([0.5, 0.1, 0.5, 0.1]), np.full(4, 0.2), np.random.default_rng(0))
    assert found.values["ips"].mean == pytest.approx((0.5 + cap) / 4)
    assert found.values["snips"].mean == pytest.approx((0.5 + cap) / (2.3125 + cap))
    assert found.values["dr"].mean == pytest.approx(0.2 + (0.5 * 0.5 - 1.5 * 0.1 - 0.3125 * 0.5 + cap * 0.9) / 4)
    assert effective_size(weights.w) == pytest.approx((2.3125 + cap) ** 2 / (0.25 + 2.25 + 0.3125**2 + cap**2))


def test_a_policy_without_chance_is_not_cut_for_being_rare_in_the_log(bandit: Bandit) -> None:
    rows = bandit.log(np.random.default_rng(0), users=50, visits=1)
    policy = Policy("first", "", np.zeros(len(rows), np.int64), np.array([[5]], np.int32), np.ones((1, 1)))
    weights = importance_weights(policy, rows)
    assert 0 < (weights.raw > 0).sum() < len(rows)
    np.testing.assert_array_equal(weights.w, weights.raw)


def test_an_estimate_is_compared_with_what_the_other_policy_earned_in_its_own_log(bandit: Bandit) -> None:
    truth = bandit.target_value
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows, other = bandit.log(rng, 60), Bandit(bandit.click, bandit.target, bandit.target).log(rng, 60)
        weights = importance_weights(bandit.policy(rows, bandit.target), rows)
        own = OwnMean(other.user, other.click, np.ones(len(other)))
        found = estimate(rows, weights.w, *true_rewards(bandit, rows, bandit.target), rng, own)
        assert found.reference.mean == pytest.approx(other.click.mean())
        assert found.reference.mean == pytest.approx(truth, abs=0.06)
        held += found.ahead["snips"].low <= 0 <= found.ahead["snips"].high
    assert held >= 51


def fitted(rows: LoggedRows, rng: np.random.Generator) -> tuple[RewardModel, Slots]:
    """Kinds are the users' tag; items their own slots."""
    items = np.where(np.arange(ITEMS + 1) > 0, KINDS + np.arange(ITEMS + 1), 0)[:, None].astype(np.int32)
    tags = (1 + np.arange(rows.user.max() + 1) % KINDS)[:, None].astype(np.int32)
    return fit_reward_model(rows, tags, items, rng, Silent()), tags


def test_the_reward_model_of_the_log_is_near_the_truth_and_leaves_no_bias() -> None:
    bandit = planted_bandit(3)
    means = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rows = bandit.log(rng, users=200, visits=20)
        model, policy = fitted(rows, rng)[0], bandit.policy(rows, bandit.target)
        believed, expected = model.of_logged(rows), model.of_policy(policy)
        truth = true_rewards(bandit, rows, bandit.target)
        assert np.corrcoef(believed, truth[0])[0, 1] > 0.6
        assert believed.mean() == pytest.approx(rows.click.mean(), abs=0.01)
        means.append(estimate(rows, importance_weights(policy, rows).w, believed, expected, rng).values["dr"].mean)
    assert abs(np.mean(means) - bandit.target_value) < 3.5 * np.std(means) / np.sqrt(len(means))


def test_nobodys_own_rows_help_to_judge_them() -> None:
    bandit = planted_bandit()
    rng = np.random.default_rng(0)
    rows = bandit.log(rng, users=50)
    mine = rows.user == rows.user[0]
    flipped = LoggedRows(rows.user, rows.place, rows.item, np.where(mine, 1 - rows.click, rows.click), rows.propensity)
    before, after = (fitted(log, np.random.default_rng(1))[0].of_logged(log) for log in (rows, flipped))
    np.testing.assert_array_equal(before[mine], after[mine])
    assert not np.allclose(before[~mine], after[~mine])


@pytest.mark.parametrize("seed", [1, 2])
def test_the_simulated_shops_truth_lies_in_the_intervals_from_its_log(seed: int) -> None:
    log = logged_bandit(seed=seed)
    contexts, places, n = log.target_table.shape
    rows = LoggedRows(log.user.astype(np.int64), log.position.astype(np.int64) - 1, log.item.astype(np.int64) + 1, log.click.astype(float), log.propensity)
    items = np.broadcast_to(np.arange(1, n + 1, dtype=np.int32), (contexts * places, n))
    policy = Policy("target", "", log.context * places + rows.place, items, log.target_table.reshape(-1, n))
    weights = importance_weights(policy, rows)
    np.testing.assert_allclose(weights.raw, log.target_propensity / log.propensity)
    diagnostics = diagnose(policy, rows, weights, n + 1)
    assert reasons_to_refuse(diagnostics) == ()
    rng = np.random.default_rng(0)
    model = fit_reward_model(rows, np.zeros((int(rows.user.max()) + 1, 1), np.int32), np.arange(n + 1, dtype=np.int32)[:, None], rng, Silent())
    found = estimate(rows, weights.w, model.of_logged(rows), model.of_policy(policy), rng)
    for name in ESTIMATORS:
        width = found.values[name].high - found.values[name].low
        assert found.values[name].low - width / 4 < log.target_value < found.values[name].high + width / 4
    assert found.ahead["dr"].low > 0
    assert log.target_value > log.logging_value
