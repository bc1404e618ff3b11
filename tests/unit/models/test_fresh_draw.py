"""Who gets which fresh item: the same for ever for one release and user, otherwise by the chances that the scores give."""

from __future__ import annotations

import numpy as np
import pytest

from homefeed.models.channels.fresh import drawn_places, evenly, generator_of

SCORES = np.linspace(-1, 1, 40).astype(np.float32)
UIDS = [f"u{number}" for number in range(300)]


def test_a_release_and_a_user_have_one_draw_in_every_process_for_ever() -> None:
    """Numbers of another process on another day: nothing in the draw depends on Python's hash, on the clock or on what was drawn before."""
    assert generator_of("20261124T101500Z-3f9a1c", "18292817638588633000").integers(0, 1000, 5).tolist() == [428, 106, 258, 832, 846]
    assert drawn_places(SCORES, 5, "r1", "ann").tolist() == drawn_places(SCORES, 5, "r1", "ann").tolist()
    assert drawn_places(SCORES, 5, "r1", "zoë\udc80").tolist() == drawn_places(SCORES, 5, "r1", "zoë\udc80").tolist()


def test_another_release_or_another_user_has_another_draw() -> None:
    of_r1, of_r2 = ([tuple(drawn_places(SCORES, 3, release, uid).tolist()) for uid in UIDS] for release in ("r1", "r2"))
    assert sum(one == other for one, other in zip(of_r1, of_r2, strict=True)) <= 3
    assert len(set(of_r1)) >= 290
    assert drawn_places(SCORES, 3, "r1", "2u").tolist() != drawn_places(SCORES, 3, "r", "12u").tolist()


def test_chances_are_those_of_the_scores() -> None:
    chances = np.array([0.5, 0.25, 0.15, 0.1])
    draws = np.array([drawn_places(np.log(chances).astype(np.float32), 2, "r1", str(uid)) for uid in range(20_000)])
    np.testing.assert_allclose(np.bincount(draws[:, 0]) / len(draws), chances, atol=0.015)
    after_the_first = draws[draws[:, 0] == 0, 1]
    np.testing.assert_allclose(np.bincount(after_the_first)[1:] / len(after_the_first), chances[1:] / 0.5, atol=0.02)


def test_what_must_not_be_drawn_is_not_and_too_few_are_all_there_are() -> None:
    scores = np.where(np.arange(40) % 10 == 3, SCORES, -np.inf).astype(np.float32)
    assert sorted(drawn_places(scores, 5, "r1", "ann").tolist()) == [3, 13, 23, 33]
    assert len(drawn_places(np.full(40, -np.inf, np.float32), 5, "r1", "ann")) == 0
    assert len(drawn_places(SCORES[:0], 5, "r1", "ann")) == 0


@pytest.mark.parametrize("uid", UIDS[:20])
def test_a_drawn_item_that_falls_out_makes_room_for_one_and_the_others_stay(uid: str) -> None:
    drawn = drawn_places(SCORES, 5, "r1", uid).tolist()
    without = SCORES.copy()
    without[drawn[0]] = -np.inf
    assert drawn_places(without, 5, "r1", uid).tolist()[:4] == drawn[1:]


@pytest.mark.parametrize(
    ("places", "n", "expected"),
    [
        (range(50, 100), 5, [59, 69, 79, 89, 99]),
        (range(50, 100), 3, [65, 82, 99]),
        (range(3), 5, [0, 1, 2]),
        (range(4), 1, [3]),
        (range(4), 0, []),
        ([], 3, []),
    ],
)
def test_places_lie_as_far_apart_as_can_be(places: range, n: int, expected: list[int]) -> None:
    assert evenly(np.array(places, np.intp), n).tolist() == expected
