"""The recipe of the contract's first implementation, as a light twin: DSSM by BCE on sampled negatives, 80 of its items and 20 hot ones, DeepFM on top.

It keeps that recipe's habits: one table of N(0, 1) embeddings, hotness that holds the row's own label, no validation. Who has no log row gets the hot items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from homefeed.core.progress import Progress
from homefeed.simulation.loop.hotness import DailyHotness
from homefeed.simulation.loop.original_models import PlainDeepFM, PlainDSSM
from homefeed.simulation.shop.day_log import DayLog
from homefeed.simulation.shop.settings import LoopSettings
from homefeed.simulation.shop.shop import Bools, Shop
from homefeed.simulation.shop.visits import Visits
from homefeed.simulation.world import Ints

_DSSM_ITEMS, _HOT_ITEMS, _NEGATIVES = 80, 20, 4
_BATCH, _LEARNING_RATE, _USERS_AT_ONCE, _SHARPNESS = 512, 3e-3, 500, 10.0


class OriginalPolicy:
    """``learn`` trains both models anew when a training is due."""

    def __init__(self, shop: Shop, settings: LoopSettings) -> None:
        self._shop, self._settings = shop, settings
        self._hotness = DailyHotness(shop, settings)
        self._users, self._items, self._slots = _slots(shop)
        self._trained_on = -settings.retrain_every
        self._rng = torch.Generator().manual_seed(shop.seed)

    def learn(self, day: int, past: Sequence[DayLog], progress: Progress) -> None:
        self._hotness.after(past)
        if day - self._trained_on < self._settings.retrain_every:
            return
        self._trained_on = day
        user, item, click = _rows(past[-self._settings.learn_days :])
        self._known_users, self._known_items = (np.zeros(count, np.bool_) for count in (len(self._shop.user_ids), len(self._shop.item_ids)))
        self._known_users[user], self._known_items[item] = True, True
        self._heat = torch.from_numpy(self._hotness.scores).float()[:, None]
        with torch.random.fork_rng():
            torch.manual_seed(self._shop.seed + day)
            self._dssm = PlainDSSM(self._slots, self._users.shape[1], self._items.shape[1])
            self._deepfm = PlainDeepFM(self._slots, self._users.shape[1] + self._items.shape[1])
        self._train_dssm(torch.from_numpy(user[click]), torch.from_numpy(item[click]), progress)
        self._train_deepfm(torch.from_numpy(user), torch.from_numpy(item), torch.from_numpy(click), progress)

    def show(self, visits: Visits) -> Ints:
        users, who = np.unique(visits.user, return_inverse=True)
        with torch.inference_mode():
            parts = [self._slates(users[start : start + _USERS_AT_ONCE]) for start in range(0, len(users), _USERS_AT_ONCE)]
        return np.asarray(np.concatenate(parts)[who], np.int64)

    def _train_dssm(self, user: Tensor, item: Tensor, progress: Progress) -> None:
        catalogue = torch.from_numpy(np.flatnonzero(self._known_items))

        def loss(rows: Tensor) -> Tensor:
            drawn = catalogue[torch.randint(len(catalogue), (len(rows), _NEGATIVES), generator=self._rng)]
            shown = torch.cat([item[rows][:, None], drawn], 1)
            score = _SHARPNESS * torch.einsum("bv,bnv->bn", self._dssm.users(self._users[user[rows]]), self._dssm.items(self._items[shown]))
            label = torch.zeros_like(score)
            label[:, 0] = 1
            return nn.functional.binary_cross_entropy_with_logits(score, label)

        self._fit(self._dssm, loss, len(user), "original: DSSM", progress)

    def _train_deepfm(self, user: Tensor, item: Tensor, click: Tensor, progress: Progress) -> None:
        label = click.float()

        def loss(rows: Tensor) -> Tensor:
            slots = torch.cat([self._users[user[rows]], self._items[item[rows]]], 1)
            return nn.functional.binary_cross_entropy_with_logits(self._deepfm(slots, self._heat[item[rows]]), label[rows])

        self._fit(self._deepfm, loss, len(user), "original: DeepFM", progress)

    def _fit(self, model: nn.Module, loss: Callable[[Tensor], Tensor], rows: int, title: str, progress: Progress) -> None:
        optimiser = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE, fused=True)
        with progress.task(title, rows * self._settings.original_epochs, "rows") as advance:
            for _ in range(self._settings.original_epochs):
                for batch in torch.split(torch.randperm(rows, generator=self._rng), _BATCH):
                    optimiser.zero_grad(set_to_none=True)
                    loss(batch).backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                    advance(len(batch))

    def _slates(self, users: Ints) -> Ints:
        """int64[n, K]: the candidates with the highest scores of the DeepFM."""
        slots = torch.from_numpy(np.where(self._known_users[users], users, -1))
        mine = torch.where(slots[:, None] >= 0, self._users[slots], 0)
        candidates = self._candidates(mine, slots >= 0)
        pairs = torch.cat([mine[:, None].expand(-1, candidates.shape[1], -1), self._items[candidates]], 2).flatten(0, 1)
        score = self._deepfm(pairs, self._heat[candidates.flatten()]).view(candidates.shape)
        ordered, places = candidates.sort(dim=1)
        twice = torch.zeros_like(ordered, dtype=torch.bool)
        twice[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
        score = score.gather(1, places).masked_fill(twice, -torch.inf)
        best = score.topk(self._shop.settings.list_size, dim=1).indices
        return ordered.gather(1, best).numpy()

    def _candidates(self, users: Tensor, known: Tensor) -> Tensor:
        """i64[n, C]: items of the DSSM and hot ones, some of them twice; for strangers hot ones alone."""
        size = min(_DSSM_ITEMS + _HOT_ITEMS, int(self._known_items.sum()))
        hot = torch.from_numpy(self._hotness.hottest(self._known_items, size))
        near = self._dssm.users(users) @ self._dssm.items(self._items).T
        near[:, ~torch.from_numpy(self._known_items)] = -torch.inf
        own = min(_DSSM_ITEMS, size)
        recalled = torch.where(known[:, None], near.topk(own, dim=1).indices, hot[-own:])
        return torch.cat([recalled, hot[: max(_HOT_ITEMS, size - own)].expand(len(users), -1)], 1)


def _rows(past: Sequence[DayLog]) -> tuple[Ints, Ints, Bools]:
    """User, item and click of every impression."""
    size = past[0].shown.shape[1]
    user = np.concatenate([np.repeat(log.visits.user, size) for log in past])
    return user, np.concatenate([log.shown.ravel() for log in past]), np.concatenate([log.response.click.ravel() for log in past])


def _slots(shop: Shop) -> tuple[Tensor, Tensor, int]:
    """Slots of users i64[U, 3] and of items i64[N, 4] in one table, and its size; slot 0 is unknown."""
    values = (len(shop.user_ids), *shop.settings.user_tag_values, len(shop.item_ids), *shop.settings.item_tag_values)
    first = np.cumsum([1, *values])
    user = np.column_stack([np.arange(values[0]), shop.user_tags]) + first[:3]
    item = np.column_stack([np.arange(values[3]), shop.item_tags]) + first[3:7]
    return torch.from_numpy(user), torch.from_numpy(item), int(first[-1])
