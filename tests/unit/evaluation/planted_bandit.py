"""A bandit whose truth is known: four kinds of users, eight items, two positions, a logging policy that explores, and a target that knows more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homefeed.evaluation.off_policy.logged import Doubles, LoggedRows
from homefeed.evaluation.off_policy.policy import Policy

KINDS, ITEMS, PLACES = 4, 8, 2
LOOKED_AT = np.array([1.0, 0.6])


@dataclass(frozen=True)
class Bandit:
    """``click``: float64[kinds, places, 1 + items] chance of a click; ``logging``, ``target``: chances of showing, of the same shape; item 0 is none."""

    click: Doubles
    logging: Doubles
    target: Doubles

    @property
    def logging_value(self) -> float:
        return float((self.click * self.logging).sum(2).mean())

    @property
    def target_value(self) -> float:
        """Clicks per impression, where kinds of users and positions come equally often."""
        return float((self.click * self.target).sum(2).mean())

    def log(self, rng: np.random.Generator, users: int = 200, visits: int = 10) -> LoggedRows:
        """``users`` drawn from a thousand (a user's kind is row % kinds) × ``visits`` × 2 positions."""
        visitors = 1 + rng.permutation(1000)[:users]
        user, place = np.repeat(visitors, visits * PLACES), np.tile(np.arange(PLACES), users * visits)
        chances = self.logging[user % KINDS, place]
        item = (chances.cumsum(1) < rng.random((len(user), 1))).sum(1)
        click = rng.random(len(user)) < self.click[user % KINDS, place, item]
        return LoggedRows(user, place, item, click.astype(np.float64), chances[np.arange(len(user)), item])

    def policy(self, rows: LoggedRows, table: Doubles) -> Policy:
        """``table``, such as ``target``, as a policy for these rows."""
        items = np.broadcast_to(np.arange(ITEMS + 1, dtype=np.int32), (KINDS * PLACES, ITEMS + 1))
        return Policy("planted", "planted", (rows.user % KINDS) * PLACES + rows.place, items, table.reshape(-1, ITEMS + 1))


def planted_bandit(seed: int = 0, rate: float = 0.15) -> Bandit:
    rng = np.random.default_rng(seed)
    liked = rng.normal(0.0, 1.0, (KINDS, ITEMS))
    click = LOOKED_AT[:, None] / (1 + np.exp(-(np.log(rate / (1 - rate)) + liked)))[:, None, :]
    logging, target = (_softmax(sharpness * liked + rng.normal(0.0, 0.3, liked.shape)) for sharpness in (0.4, 1.2))
    return Bandit(*map(_with_none, (click, np.stack([0.8 * logging + 0.2 / ITEMS] * PLACES, 1), np.stack([target] * PLACES, 1))))


def _with_none(table: Doubles) -> Doubles:
    """With a column for item 0."""
    return np.concatenate([np.zeros((KINDS, PLACES, 1)), table], 2)


def true_rewards(bandit: Bandit, rows: LoggedRows, table: Doubles, error: float = 0.0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A reward model that is off by ``error`` everywhere: of what was shown, and of what ``table`` would show."""
    kind = rows.user % KINDS
    return bandit.click[kind, rows.place, rows.item] + error, (bandit.click * table).sum(2)[kind, rows.place] + error


def _softmax(logit: Doubles) -> Doubles:
    exp: Doubles = np.exp(logit)
    return exp / exp.sum(1, keepdims=True)
