from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from group_shop import GROUPS, ITEMS, NEW_USERS, group_of, group_shop
from planted_work import answers, dies, sleeps

from homefeed.core.progress import Silent
from homefeed.evaluation.baselines import HOTNESS, POPULARITY, baseline_lists, registry, run, run_baselines
from homefeed.evaluation.baselines.child import EndedByItselfError, OutOfTimeError, run_in_child
from homefeed.evaluation.baselines.epochs import PATIENCE, EpochWatch
from homefeed.evaluation.baselines.job import Job, Outcome
from homefeed.evaluation.baselines.methods import METHODS, run_method
from homefeed.evaluation.baselines.names import BPR, EASE, IALS, ITEM_KNN
from homefeed.evaluation.baselines.registry import missing, run_baseline
from homefeed.evaluation.baselines.tuning import MOST_USERS, best_setting, validation_of
from homefeed.evaluation.protocol import protocol_of
from homefeed.metrics.ranking import hits, ndcg_at_k

SHOP = group_shop(seen="keep")
PROTOCOL = protocol_of(SHOP)
SIMPLE = baseline_lists(PROTOCOL, SHOP.facts, 20, np.random.default_rng(0))
JOB = Job(SHOP, PROTOCOL, 20, 7, 600.0, SIMPLE[HOTNESS])


@cache
def outcome_of(name: str) -> Outcome:
    return run_method(name, JOB)


def needs(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.skipif(bool(missing(name)), reason=missing(name)))


@pytest.mark.parametrize("name", [needs(ITEM_KNN), needs(IALS), needs(BPR), needs(EASE)])
def test_a_method_that_knows_a_users_clicks_fills_the_first_places_with_the_users_group(name: str) -> None:
    outcome = outcome_of(name)
    assert outcome.lists is not None
    assert "validation slice" in outcome.tuning
    warm = PROTOCOL.warm
    own = group_of(PROTOCOL.users[warm])[:, None] == group_of(outcome.lists[warm, : ITEMS // GROUPS // 2])
    assert own.mean() > 0.75
    ours, popular = (ndcg_at_k(hits(lists, PROTOCOL.relevant), PROTOCOL.relevant.counts(), 10)[warm].mean() for lists in (outcome.lists, SIMPLE[POPULARITY]))
    assert ours > 1.5 * popular


@pytest.mark.parametrize("name", [needs(ITEM_KNN), needs(IALS), needs(BPR), needs(EASE)])
def test_users_without_a_train_click_are_listed_what_is_hot(name: str) -> None:
    lists = outcome_of(name).lists
    assert lists is not None
    assert (~PROTOCOL.warm).sum() == NEW_USERS
    assert lists[~PROTOCOL.warm].tolist() == SIMPLE[HOTNESS][~PROTOCOL.warm].tolist()


def test_nobody_is_listed_what_was_seen_where_the_shop_leaves_it_out_and_lists_are_filled_to_the_end_of_the_catalogue() -> None:
    shop = group_shop(seen="exclude", sold_out=[6])
    protocol = protocol_of(shop)
    hottest = baseline_lists(protocol, shop.facts, ITEMS, np.random.default_rng(0))[HOTNESS]
    lists = run_method(EASE, Job(shop, protocol, ITEMS, 7, 600.0, hottest)).lists
    assert lists is not None
    assert not hits(lists, protocol.seen).any()
    for place, ranked in enumerate(lists):
        seen = protocol.seen.items[protocol.seen.offsets[place] : protocol.seen.offsets[place + 1]]
        assert set(ranked.tolist()) - {0} == set(protocol.catalogue.tolist()) - set(seen.tolist())


def test_what_is_tuned_and_fitted_knows_nothing_of_the_test_side() -> None:
    other_test = SHOP.test.take(np.arange(len(SHOP.test))[::-1])
    flipped = replace(SHOP, test=replace(other_test, label=1 - other_test.label))
    one, other = (run_method(EASE, Job(shop, PROTOCOL, 20, 7, 600.0, SIMPLE[HOTNESS])) for shop in (SHOP, flipped))
    assert one.tuning == other.tuning
    assert one.lists is not None
    assert other.lists is not None
    assert one.lists.tolist() == other.lists.tolist()


def test_the_validation_slice_is_the_last_part_of_the_train_side() -> None:
    inner, protocol = validation_of(SHOP, 7)
    assert len(inner.train) + len(inner.test) == len(SHOP.train)
    assert inner.train.ts_us.max() < inner.test.ts_us.min()
    assert 0 < len(protocol) <= MOST_USERS


def test_where_memory_is_too_small_the_most_clicked_items_are_used_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, EASE, replace(METHODS[EASE], item_limit=40))
    outcome = run_method(EASE, JOB)
    assert outcome.remark.endswith(f"{ITEMS - 40} left out for memory")
    assert outcome.lists is not None
    assert (outcome.lists > 0).all()


def test_tuning_takes_the_best_setting_and_ends_when_half_of_the_budget_is_spent() -> None:
    settings = tuple({"a": a} for a in (1.0, 2.0, 3.0))
    best, words = best_setting(settings, lambda s: -abs(s["a"] - 2), 600.0)
    assert best == {"a": 2.0}
    assert words.startswith("a 2: best of 3 settings")
    best, words = best_setting(settings, lambda s: s["a"], 0.0)
    assert best == {"a": 1.0}
    assert "2 not tried for want of time" in words


def test_epochs_end_after_some_without_a_better_one_and_the_best_is_kept() -> None:
    values = iter([0.1, 0.3, 0.2, 0.3, 0.2, 0.2, 0.2, 0.2])
    watch = EpochWatch(lambda model: next(values), 3600.0)
    while watch.after_epoch(None):
        pass
    assert (watch.best_epoch, watch.best, watch.epochs) == (2, 0.3, 2 + PATIENCE)
    assert watch.why_ended == ""


def test_epochs_end_with_the_time_and_the_best_are_not_fitted_again_then() -> None:
    watch = EpochWatch(lambda model: time.sleep(0.1) or 1.0, 0.15)
    assert not watch.after_epoch(None)
    assert "time" in watch.why_ended
    assert not watch.may_fit_again()


def test_the_best_epochs_are_fitted_again_where_there_is_time() -> None:
    watch = EpochWatch(lambda model: 1.0, 3600.0)
    assert watch.after_epoch(None)
    assert watch.may_fit_again()


def test_work_in_a_child_gives_its_outcome() -> None:
    assert run_in_child(answers, "EASE", JOB).tuning == "EASE 7"


def test_work_that_takes_too_long_is_ended_and_leaves_no_process() -> None:
    started = time.monotonic()
    with pytest.raises(OutOfTimeError):
        run_in_child(sleeps, "EASE", replace(JOB, budget_seconds=0.5))
    assert time.monotonic() - started < 60
    assert not multiprocessing.active_children()


def test_work_that_dies_is_told_by_its_exit_code() -> None:
    with pytest.raises(EndedByItselfError, match="exit code 3"):
        run_in_child(dies, "EASE", JOB)


def test_results_name_all_that_were_asked_for_finished_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "run_baseline", sleeps)
    results = run_baselines(["popularity", "ease"], SHOP, PROTOCOL, 20, 7, 0.5, Silent())
    assert results.lists[POPULARITY].tolist() == SIMPLE[POPULARITY].tolist()
    assert results.notes[POPULARITY].finished
    assert EASE not in results.lists
    assert not results.notes[EASE].finished
    assert "did not end within" in results.notes[EASE].remark


def test_a_baseline_whose_package_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda package: None)
    note = run_baselines(["ItemKNN"], SHOP, PROTOCOL, 20, 7, 600.0, Silent()).notes[ITEM_KNN]
    assert not note.finished
    assert note.remark == 'not installed: pip install ".[baselines]"'


@pytest.mark.parametrize("name", [needs("SASRec"), needs("eSASRec")])
def test_transformers_list_without_what_was_seen_and_say_their_recipe(name: str) -> None:
    shop = group_shop(seen="exclude")
    protocol = protocol_of(shop)
    hottest = baseline_lists(protocol, shop.facts, 20, np.random.default_rng(0))[HOTNESS]
    outcome = run_baseline(name, Job(shop, protocol, 20, 7, 1.0, hottest))
    assert outcome.lists is not None
    assert not hits(outcome.lists, protocol.seen).any()
    assert all(len(set(row)) == 20 and min(row) > 0 for row in outcome.lists.tolist())
    assert outcome.lists[~protocol.warm].tolist() == hottest[~protocol.warm].tolist()
    assert "96 factors" in outcome.tuning
    assert "epochs by NDCG@50" in outcome.tuning
