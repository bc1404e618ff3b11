"""Weights of a slate from planted lists: where pCTR is right, where the list's order is, and where nothing can be told."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from homefeed.artifacts.processed import Interactions
from homefeed.artifacts.validation_lists import ValidationLists
from homefeed.models.slate_value import SlateValue
from homefeed.training.slate_weights import MIN_CLICKS, Probabilities, fit_slate_value

N_USERS, SIZE, N_ITEMS = 800, 20, 400
Matrix = npt.NDArray[np.float64]


def planted_lists(seed: int = 0) -> ValidationLists:
    """Twenty random items a user; every third list is short and padded."""
    rng = np.random.default_rng(seed)
    items = np.argsort(rng.random((N_USERS, N_ITEMS)), 1)[:, :SIZE].astype(np.int32) + 1
    items[::3, SIZE - 5 :] = 0
    return ValidationLists(rng.permutation(N_USERS).astype(np.int32), items)


def said(seed: int = 1) -> Matrix:
    """float64[users, items]: what the ranker says, as a logit."""
    return np.random.default_rng(seed).normal(-2.0, 1.0, (N_USERS, N_ITEMS + 1))


def probabilities(logits: Matrix) -> Probabilities:
    return lambda user, item: (1 / (1 + np.exp(-logits[user, item]))).astype(np.float32)


def log_rows(user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], clicked: npt.NDArray[np.bool_], drawn: npt.NDArray[np.bool_]) -> Interactions:
    ones = np.ones(len(user), np.float32)
    return Interactions(np.arange(len(user)), user, item, clicked.astype(np.float32), ones, ones, drawn)


def opinions(lists: ValidationLists, utility: Matrix, seed: int = 2) -> Interactions:
    """Each user goes on to click one listed item, by the odds of its utility f64[users, places], and one that no list holds. Nothing else is logged."""
    noise = np.random.default_rng(seed).gumbel(size=utility.shape)
    place = np.where(lists.items > 0, utility + noise, -np.inf).argmax(1)
    user = np.concatenate([lists.users, lists.users])
    item = np.concatenate([lists.items[np.arange(N_USERS), place], np.full(N_USERS, N_ITEMS + 1, np.int32)])
    return log_rows(user, item, np.ones(len(user), np.bool_), np.zeros(len(user), np.bool_))


def listed_logits(lists: ValidationLists, logits: Matrix) -> Matrix:
    return logits[lists.users[:, None], lists.items]


def by_place(weight: float) -> Matrix:
    return np.broadcast_to(-weight * np.log(np.arange(1, SIZE + 1)), (N_USERS, SIZE))


def test_where_pctr_is_right_the_place_counts_next_to_nothing() -> None:
    lists, logits = planted_lists(), said()
    value = fit_slate_value(lists, probabilities(logits), opinions(lists, listed_logits(lists, logits)))
    assert value.p_click == pytest.approx(1.0, abs=0.2)
    assert value.place < 0.15


def test_where_the_list_is_right_pctr_counts_next_to_nothing() -> None:
    lists = planted_lists()
    value = fit_slate_value(lists, probabilities(said()), opinions(lists, by_place(1.0)))
    assert value.place == pytest.approx(1.0, abs=0.2)
    assert value.p_click < 0.15


def test_where_both_are_half_right_both_count() -> None:
    lists, logits = planted_lists(), said()
    value = fit_slate_value(lists, probabilities(logits), opinions(lists, 0.5 * listed_logits(lists, logits) + by_place(0.5)))
    assert (value.p_click, value.place) == pytest.approx((0.5, 0.5), abs=0.2)


def test_a_ranker_that_is_wrong_throughout_gets_no_say_and_never_a_negative_one() -> None:
    lists, logits = planted_lists(), said()
    value = fit_slate_value(lists, probabilities(logits), opinions(lists, by_place(1.0) - listed_logits(lists, logits)))
    assert value.p_click == 0
    assert value.place > 0.5


def test_where_neither_is_right_pctr_alone_decides() -> None:
    lists, logits = planted_lists(), said()
    assert fit_slate_value(lists, probabilities(logits), opinions(lists, -by_place(1.0) - listed_logits(lists, logits))) == SlateValue()


def page_log(lists: ValidationLists, logits: Matrix, seed: int = 3) -> Interactions:
    """A page showed what stands in the back half of the lists, so that clicks say that late places are the better ones; of what was shown, pCTR is right.

    A row that was shown stands twice in the log, and an item of no list is shown as well.
    """
    rng = np.random.default_rng(seed)
    row, place = np.nonzero((lists.items > 0) & (np.arange(SIZE) >= SIZE // 2))
    user, item = lists.users[row], lists.items[row, place]
    clicked = rng.random(len(user)) < 1 / (1 + np.exp(-logits[user, item]))
    elsewhere = np.full(N_USERS, N_ITEMS + 1, np.int32)
    users, items = np.concatenate([user, user, lists.users]), np.concatenate([item, item, elsewhere])
    labels = np.concatenate([clicked, np.zeros(len(user), np.bool_), np.zeros(N_USERS, np.bool_)])
    return log_rows(users, items, labels, np.zeros(len(users), np.bool_))


def test_a_page_is_asked_what_was_clicked_when_shown_and_not_what_it_showed() -> None:
    lists, logits = planted_lists(), said()
    rows = page_log(lists, logits)
    assert rows.label.mean() < 0.3
    value = fit_slate_value(lists, probabilities(logits), rows)
    assert value.p_click == pytest.approx(1.0, abs=0.25)
    assert value.place < 0.25


def test_an_item_that_the_page_never_showed_is_no_choice_that_was_turned_down() -> None:
    """All that was shown has a low pCTR, the rest of the lists a high one. Were what was never shown a loser, pCTR would seem to be wrong."""
    lists, logits = planted_lists(), said()
    shown = page_log(lists, logits)
    never_shown = np.ones(logits.shape, np.bool_)
    never_shown[shown.user, np.minimum(shown.item, N_ITEMS)] = False
    value = fit_slate_value(lists, probabilities(np.where(never_shown, logits + 6, logits)), shown)
    assert value.p_click == pytest.approx(1.0, abs=0.25)


def test_opinions_are_asked_what_was_clicked_at_all() -> None:
    """The very same clicks, in a log that holds nothing that was shown in vain: what is late in the list was clicked, what is early was not."""
    lists, logits = planted_lists(), said()
    page = page_log(lists, logits)
    clicks = page.take(page.label > 0)
    assert fit_slate_value(lists, probabilities(logits), clicks).place == 0


def test_rows_that_were_drawn_make_no_page_of_a_log_of_clicks() -> None:
    lists = planted_lists()
    clicks = opinions(lists, by_place(1.0))
    rng = np.random.default_rng(5)
    n = 10 * len(clicks)
    drawn = log_rows(rng.choice(lists.users, n), rng.integers(1, N_ITEMS + 1, n).astype(np.int32), np.zeros(n, np.bool_), np.ones(n, np.bool_))
    p_click = probabilities(said())
    assert fit_slate_value(lists, p_click, Interactions.concatenate([clicks, drawn])) == fit_slate_value(lists, p_click, clicks)


@pytest.mark.parametrize(("clicks", "told"), [(MIN_CLICKS - 1, False), (MIN_CLICKS, True)])
def test_too_few_clicks_on_listed_items_tell_nothing(clicks: int, told: bool) -> None:
    lists = planted_lists()
    some = opinions(lists, by_place(1.0))
    kept = np.concatenate([np.arange(clicks), np.arange(N_USERS, 2 * N_USERS)])
    value = fit_slate_value(lists, probabilities(said()), some.take(kept))
    assert (value != SlateValue()) == told


def test_a_slice_without_clicks_tells_nothing() -> None:
    lists = planted_lists()
    rows = opinions(lists, by_place(1.0))
    for quiet in (log_rows(rows.user, rows.item, rows.label < 0, rows.drawn), rows.take(np.zeros(len(rows), np.bool_))):
        assert fit_slate_value(lists, probabilities(said()), quiet) == SlateValue()


@pytest.mark.parametrize("p", [1e-9, 0.03, 0.5, 0.98, 1.0])
def test_a_ranker_that_says_the_same_of_all_gets_no_say(p: float) -> None:
    """As of a log of clicks alone, which leaves it nothing to learn from."""
    lists = planted_lists()
    value = fit_slate_value(lists, lambda user, item: np.full(len(user), p, np.float32), opinions(lists, by_place(1.0)))
    assert value.p_click == 0
    assert value.place == pytest.approx(1.0, abs=0.2)
