"""The feed as a policy: the slates that the serving pipeline makes of a release, as they are and softened by chance."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.artifacts.bundle import Bundle
from homefeed.core.errors import ArtifactError
from homefeed.core.progress import Progress
from homefeed.core.slate import Request
from homefeed.evaluation.off_policy.logged import Doubles, Ints, LoggedRows
from homefeed.evaluation.off_policy.policy import Policy, Table
from homefeed.evaluation.served import ListsInMemory
from homefeed.serving.degraded import LIST
from homefeed.serving.pipeline import standard_pipeline
from homefeed.serving.release_in_memory import RANKED, ReleaseInMemory
from homefeed.serving.releases import OneRelease
from homefeed.store.base import UserList

FEED, SOFTENED = "the feed", "the feed, softened"
SHARPNESS = 2.0
"""The softened feed draws in proportion to score to this power: an item twice as likely to be clicked comes first four times as often."""
DRAWS = 64
"""Orders drawn for each user to average over; each gives exact chances for the next position, so few are enough."""


@dataclass(frozen=True, slots=True)
class ScoredSlates:
    """All that the pipeline ranks for U users, best first, 0-padded: ``item`` int32[U, 100], ``score`` float64[U, 100]; ``users`` int64[U], ascending rows."""

    users: Ints
    item: Table
    score: Doubles


def scored_slates(bundle: Bundle, lists: Iterable[UserList], users: Ints, progress: Progress) -> ScoredSlates:
    """What ``/recommend`` answers to ``users`` (int64[U], rows, ascending). Raises ``ArtifactError`` where it answers without a part of its own."""
    release = ReleaseInMemory.of(bundle)
    pipeline = standard_pipeline(ListsInMemory(bundle.release, lists), OneRelease(release))
    item, score = np.zeros((len(users), RANKED), np.int32), np.zeros((len(users), RANKED))
    with progress.task("Serving slates", len(users), "users") as advance:
        for place, user in enumerate(users.tolist()):
            slate = pipeline.recommend(Request(request_id="", uid=bundle.users.ids[user], top_k=RANKED))
            if out := set(slate.degraded) - {LIST}:
                raise ArtifactError(f"The slate of {slate.uid} was served without {', '.join(sorted(out))}", next_step="Train again: homefeed train")
            item[place, : len(slate.items)] = release.ranker.item_rows([shown.item_id.encode() for shown in slate.items])
            score[place, : len(slate.items)] = [shown.score for shown in slate.items]
            advance(1)
    return ScoredSlates(users, item, score)


def feed_policy(rows: LoggedRows, slates: ScoredSlates) -> Policy:
    """The feed as it is served: the k-th item of the user's slate at position k, with certainty."""
    user, place, context = _situations(rows, slates)
    item = np.where(place < RANKED, slates.item[user, np.minimum(place, RANKED - 1)], 0)[:, None].astype(np.int32)
    text = "as it is served; the k-th item of the user's slate has the chance 1 at position k, all others 0"
    return Policy(FEED, text, context, item, (item > 0).astype(np.float64))


def softened_feed_policy(rows: LoggedRows, slates: ScoredSlates, rng: np.random.Generator) -> Policy:
    """The same candidates in an order that is drawn: a Plackett-Luce model whose weights are score to the power of ``SHARPNESS``.

    Chances at the first position are exact, at the others the mean over ``DRAWS`` orders of what comes before. Plackett, The Analysis of Permutations, 1975.
    """
    user, place, context = _situations(rows, slates)
    weight = np.where(slates.item > 0, np.maximum(slates.score, 0.0) ** SHARPNESS, 0.0)
    p = np.zeros((len(user), RANKED))
    for one, (first, last) in enumerate(itertools.pairwise(np.searchsorted(user, np.arange(len(slates.users) + 1)))):
        p[first:last] = position_chances(weight[one], rows.places, rng)[place[first:last]]
    text = (
        f"the same 100 candidates in a drawn order, each next one with a chance in proportion to score^{SHARPNESS:g} among those left (Plackett-Luce); "
        "what a shop can serve that wants to go on learning"
    )
    return Policy(SOFTENED, text, context, slates.item[user], p)


def position_chances(weight: Doubles, places: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """float64[places, M]: chance of each of the M items to stand at each position, where orders are drawn by ``weight`` without replacement."""
    chances, left = np.zeros((places, len(weight))), np.repeat(weight[None, :], DRAWS, axis=0)
    for place in range(min(places, int((weight > 0).sum()))):
        step = left / left.sum(1, keepdims=True)
        chances[place] = step.mean(0)
        drawn = (step.cumsum(1) < rng.random((DRAWS, 1)) * (1 - 1e-12)).sum(1)
        left[np.arange(DRAWS), np.minimum(drawn, len(weight) - 1)] = 0.0
    return chances


def _situations(rows: LoggedRows, slates: ScoredSlates) -> tuple[Ints, Ints, Ints]:
    """Distinct pairs of a user (place in ``slates``) and a position, and the pair of each logged row."""
    pairs, context = np.unique(np.searchsorted(slates.users, rows.user) * rows.places + rows.place, return_inverse=True)
    user, place = np.divmod(pairs, rows.places)
    return user, place, context
