"""What the log must show before a figure is told: each reason alone, and situations that are fine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_bandit import ITEMS, Bandit, planted_bandit

from homefeed.core.errors import InputError
from homefeed.evaluation.off_policy.logged import LoggedRows, logged_rows
from homefeed.evaluation.off_policy.policy import Policy, fixed_list_policy, policy_of_log, uniform_policy
from homefeed.evaluation.off_policy.refusal import reasons_to_refuse
from homefeed.evaluation.off_policy.weights import Diagnostics, diagnose, importance_weights

SOUND = Diagnostics(
    rows=4000, clicks=600, effective_rows=3000.0, effective_clicks=450.0, mean_weight=1.0, mean_weight_error=0.01, used_rows=1.0,
    p99_weight=3.0, max_weight=4.0, cap=63.2, clipped_weight=0.0, unsupported=0.0, empty=0.0,
)  # fmt: skip


def test_a_log_that_shows_everything_often_carries_the_question() -> None:
    assert reasons_to_refuse(SOUND) == ()
    assert reasons_to_refuse(replace(SOUND, unsupported=0.05, mean_weight=0.95, effective_rows=100.0, effective_clicks=10.0, clipped_weight=0.1)) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unsupported": 0.06, "mean_weight": 0.94}, "6.0% of what it would show was never shown at that position"),
        ({"empty": 0.02, "mean_weight": 0.98}, "nothing to show in 2.0% of the impressions"),
        ({"effective_rows": 99.0}, "4,000 rows speak for it like 99.0 of its own"),
        ({"effective_clicks": 9.9}, "600 clicks speak for it like 9.9 of its own"),
        ({"mean_weight": 0.85}, "weights have the mean 0.850"),
        ({"mean_weight": 1.15}, "weights have the mean 1.150"),
        ({"clipped_weight": 0.11}, "11.0% of its weight lies above the cap of 63"),
    ],
)
def test_each_thing_that_a_log_can_lack_is_a_reason(change: dict[str, float], reason: str) -> None:
    (found,) = reasons_to_refuse(replace(SOUND, **change))
    assert reason in found


def test_a_mean_weight_that_may_be_chance_is_no_reason() -> None:
    assert reasons_to_refuse(replace(SOUND, mean_weight=0.85, mean_weight_error=0.04)) == ()


@pytest.fixture(scope="module")
def bandit() -> Bandit:
    return planted_bandit()


def found(rows: LoggedRows, policy: Policy) -> Diagnostics:
    return diagnose(policy, rows, importance_weights(policy, rows), ITEMS + 1)


def test_a_policy_with_support_is_carried_and_its_weights_have_mean_one(bandit: Bandit) -> None:
    rows = bandit.log(np.random.default_rng(0))
    diagnostics = found(rows, bandit.policy(rows, bandit.target))
    assert reasons_to_refuse(diagnostics) == ()
    assert diagnostics.unsupported == diagnostics.empty == pytest.approx(0)
    assert diagnostics.mean_weight == pytest.approx(1, abs=4 * diagnostics.mean_weight_error)


def test_what_the_log_never_shows_is_missing_support_by_position(bandit: Bandit) -> None:
    rows = bandit.log(np.random.default_rng(0))
    kept = (rows.item != 3) | (rows.place != 1)
    rows = LoggedRows(*(getattr(rows, name)[kept] for name in LoggedRows.__slots__))
    share = (rows.place == 1).mean()
    everything = uniform_policy(rows, np.arange(1, ITEMS + 1), "random")
    assert found(rows, everything).unsupported == pytest.approx(share / ITEMS)
    third = fixed_list_policy(rows, np.array([1, 3]), "list", "")
    assert found(rows, third).unsupported == pytest.approx(share)
    assert any("never shown at that position" in reason for reason in reasons_to_refuse(found(rows, third)))


def test_pages_shorter_than_the_logs_leave_places_empty(bandit: Bandit) -> None:
    rows = bandit.log(np.random.default_rng(0))
    diagnostics = found(rows, fixed_list_policy(rows, np.array([1]), "list", ""))
    assert diagnostics.empty == pytest.approx(0.5)
    assert any("nothing to show in 50.0%" in reason for reason in reasons_to_refuse(diagnostics))


def test_propensities_of_another_policy_show_in_the_mean_weight(bandit: Bandit) -> None:
    rows = bandit.log(np.random.default_rng(0))
    wrong = replace(rows, propensity=rows.propensity * 0.7)
    assert any("either the propensities are not the chances" in reason for reason in reasons_to_refuse(found(wrong, bandit.policy(wrong, bandit.target))))


def test_few_clicks_are_a_reason_whatever_the_rows() -> None:
    rare = planted_bandit(rate=0.001)
    rows = rare.log(np.random.default_rng(0))
    (reason,) = reasons_to_refuse(found(rows, rare.policy(rows, rare.target)))
    assert "clicks speak for it like" in reason


def test_a_log_without_chance_carries_no_other_policy(bandit: Bandit) -> None:
    greedy = np.zeros_like(bandit.logging)
    np.put_along_axis(greedy, bandit.logging.argmax(2)[..., None], 1.0, axis=2)
    rows = Bandit(bandit.click, greedy, bandit.target).log(np.random.default_rng(0))
    assert (rows.propensity == 1).all()
    assert len(reasons_to_refuse(found(rows, bandit.policy(rows, bandit.target)))) >= 1
    assert reasons_to_refuse(found(rows, bandit.policy(rows, greedy))) == ()


def test_the_policy_of_a_log_is_its_propensities_where_they_are_the_same_for_all_and_its_shares_elsewhere(bandit: Bandit) -> None:
    rng = np.random.default_rng(0)
    even = np.where(np.arange(ITEMS + 1) > 0, 1 / ITEMS, 0.0) * np.ones_like(bandit.logging)
    rows, by_chance = bandit.log(rng), Bandit(bandit.click, even, even).log(rng)
    stated = policy_of_log(rows, by_chance, ITEMS + 1, "other")
    np.testing.assert_allclose(stated.p[:, 1:], 1 / ITEMS)
    personal = policy_of_log(rows, rows, ITEMS + 1, "other")
    np.testing.assert_allclose(personal.p.sum(1), 1)
    np.testing.assert_allclose(personal.p[1, 5], ((rows.item == 5) & (rows.place == 1)).sum() / (rows.place == 1).sum())
    np.testing.assert_allclose(personal.p, bandit.logging.mean(0), atol=0.03)


def test_propensities_that_make_more_items_than_the_shop_has_are_refused(bandit: Bandit) -> None:
    from homefeed.artifacts.processed import Interactions

    rows = bandit.log(np.random.default_rng(0))

    def raw(propensity: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Interactions:
        ones = np.ones(len(rows), np.float32)
        return Interactions(
            rows.user, rows.user.astype(np.int32), rows.item.astype(np.int32), rows.click.astype(np.float32), ones, ones, np.zeros(len(rows), np.bool_),
            rows.place.astype(np.int32) + 1, propensity,
        )  # fmt: skip

    assert len(logged_rows(raw(rows.propensity), ITEMS + 1)) == len(rows)
    with pytest.raises(InputError, match=r"At position 1 the mean of 1 / propensity is .* the shop has 8"):
        logged_rows(raw(rows.propensity / 2), ITEMS + 1)
