"""Learns the blend of the channels from what users clicked after the moment that the channels are of.

A user's candidates are those of every channel's first hundred. No shop need know beforehand whether tastes, neighbours, habits or bestsellers decide.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from homefeed.metrics.ranking import Relevant, relevant_items
from homefeed.models.channels.blend import DSSM_ALONE, Blend
from homefeed.models.channels.scores import Channels
from homefeed.training.conditional_logit import Choices, fit_conditional_logit

CANDIDATES_A_CHANNEL = 100
PRIOR_USERS = 10.0
"""So many newcomers weigh as much as what all users of the slice teach. From 5 to 40 nothing changes much."""
BLOCK_USERS = 64

Mask = npt.NDArray[np.bool_]


def fit_blend(channels: Channels, clicks: Relevant, seen: Relevant, allowed: Mask, like: Blend | None = None) -> Blend:
    """``clicks``: what the channels' users clicked next; ``seen``: what their lists leave out; ``allowed``: bool[N], items that lists may hold.

    ``like``: where the weights lie as long as clicks of many users do not say otherwise (it counts as much as ``PRIOR_USERS``).
    The recall model alone (or ``like``) where none of the clicks is among the candidates, or where nobody had a choice.
    """
    choices = _choices(channels, clicks, seen, allowed)
    prior = None if like is None else torch.tensor([like.weights.get(name, 0.0) for name in channels.names])
    weights = [] if choices is None else fit_conditional_logit(choices, prior, 1.0 if like is None else PRIOR_USERS).tolist()
    return Blend(dict(zip(channels.names, weights, strict=True))) if any(weights) else like or DSSM_ALONE


def fit_newcomers(unknown: Channels, newcomers: Mask, clicks: Relevant, seen: Relevant, allowed: Mask) -> Blend:
    """The blend for users who have done nothing yet.

    ``unknown``: the recall model's vectors of users by their tags alone, and the channels that say the same to everybody. What all users of the slice clicked
    teaches it, as if nothing were known of them; then what the true ``newcomers`` (bool[U]) among them clicked, the more the more of them there are.
    """
    of_all = fit_blend(unknown, clicks, seen, allowed)
    user = np.repeat(np.arange(len(clicks)), clicks.counts())
    own = relevant_items(user[newcomers[user]], clicks.items[newcomers[user]], len(clicks))
    return fit_blend(unknown, own, seen, allowed, like=of_all)


def _choices(channels: Channels, clicks: Relevant, seen: Relevant, allowed: Mask) -> Choices | None:
    """None where nobody's clicks are among the candidates."""
    features, users, clicked, n_users = [], [], [], 0
    for start in range(0, len(channels), BLOCK_USERS):
        part = slice(start, min(start + BLOCK_USERS, len(channels)))
        scores = np.stack([channels.block(name, part) for name in channels.names])
        open_to = _open(part, seen, allowed)
        candidates = _candidates(scores, open_to)
        for k in range(part.stop - start):
            items = np.flatnonzero(candidates[k])
            hit = np.isin(items, clicks.items[clicks.offsets[start + k] : clicks.offsets[start + k + 1]])
            if hit.any():
                features.append(scores[:, k, items].T)
                users.append(np.full(len(items), n_users))
                clicked.append(hit)
                n_users += 1
    if not n_users:
        return None
    columns = [torch.from_numpy(np.concatenate(column)) for column in (features, users, clicked)]
    return Choices(columns[0], columns[1], columns[2], n_users)


def _candidates(scores: npt.NDArray[np.float32], open_to: Mask) -> Mask:
    """bool[B, N] from f32[F, B, N]: items among the first hundred of any channel."""
    chosen = np.zeros(open_to.shape, np.bool_)
    size = min(CANDIDATES_A_CHANNEL, open_to.shape[1])
    for channel in scores:
        best = torch.topk(torch.from_numpy(np.where(open_to, channel, -np.inf).astype(np.float32)), size, dim=1).indices.numpy()
        np.put_along_axis(chosen, best, True, 1)
    return chosen & open_to


def _open(part: slice, seen: Relevant, allowed: Mask) -> Mask:
    """bool[B, N]: what each user's list may hold."""
    open_to = np.repeat(allowed[None], part.stop - part.start, 0)
    offsets = seen.offsets[part.start : part.stop + 1]
    user = np.repeat(np.arange(part.stop - part.start), np.diff(offsets))
    open_to[user, seen.items[offsets[0] : offsets[-1]]] = False
    return open_to
