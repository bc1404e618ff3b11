"""The newcomers' blend in a shop where known users go by taste and newcomers by what is hot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hand_shop import hand_shop, log_rows
from small_towers import dssm_for

from homefeed.metrics.ranking import Relevant, relevant_items
from homefeed.models.channels.blend import DSSM_ALONE, Blend
from homefeed.models.channels.names import DSSM, HOT
from homefeed.models.channels.scores import Channels
from homefeed.models.inputs import inputs_for
from homefeed.training.conditional_logit import Choices, fit_conditional_logit
from homefeed.training.recall_blend import fit_newcomers
from homefeed.training.recall_validation import Validation

N_USERS, N_ITEMS = 400, 300
NOTHING_SEEN = Relevant(np.zeros(N_USERS + 1, np.int64), np.zeros(0, np.int32))
ALLOWED = np.arange(N_ITEMS) > 0
NOBODY = np.zeros(N_USERS, np.bool_)


@pytest.fixture(scope="module")
def channels() -> Channels:
    rng = np.random.default_rng(0)
    vectors = [torch.from_numpy(rng.normal(size=(n, 6)).astype(np.float32) / 6**0.25) for n in (N_USERS, N_ITEMS)]
    return Channels(*vectors, {HOT: rng.normal(size=N_ITEMS).astype(np.float32)}, {}, {})


def first(n: int) -> np.ndarray:
    return np.arange(N_USERS) < n


def clicks(channels: Channels, by_heat: np.ndarray) -> Relevant:
    """Three clicks a user: by what is hot for these, by the recall model for the others."""
    taste, heat = (channels.block(name, slice(0, N_USERS)) for name in (DSSM, HOT))
    noisy = 2 * np.where(by_heat[:, None], heat, taste) + np.random.default_rng(1).gumbel(size=taste.shape)
    best = np.argsort(-np.where(ALLOWED, noisy, -np.inf), axis=1)[:, :3]
    return relevant_items(np.repeat(np.arange(N_USERS), 3), best.ravel(), N_USERS)


def learned(channels: Channels, newcomers: np.ndarray) -> Blend:
    return fit_newcomers(channels, newcomers, clicks(channels, newcomers), NOTHING_SEEN, ALLOWED)


def test_newcomers_who_go_by_what_is_hot_are_weighed_so_though_all_others_go_by_taste(channels: Channels) -> None:
    found, of_all = learned(channels, first(150)), fit_newcomers(channels, NOBODY, clicks(channels, first(150)), NOTHING_SEEN, ALLOWED)
    assert of_all.weights[DSSM] > of_all.weights[HOT]
    assert found.weights[HOT] > 1
    assert abs(found.weights[DSSM]) < 0.2 * found.weights[HOT]


def test_the_fewer_newcomers_the_nearer_their_blend_lies_to_what_all_users_teach(channels: Channels) -> None:
    all_by_taste = clicks(channels, NOBODY)
    of_all = fit_newcomers(channels, NOBODY, all_by_taste, NOTHING_SEEN, ALLOWED)
    heats = [learned(channels, first(n)).weights[HOT] for n in (0, 3, 20, 150)]
    assert heats == sorted(heats)
    assert heats[0] == pytest.approx(of_all.weights[HOT])
    assert of_all.weights[DSSM] > 1 > 0.2 > abs(of_all.weights[HOT])
    assert heats[1] < 0.5 < heats[2] < heats[3]


def test_a_slice_without_newcomers_teaches_by_users_whose_past_is_hidden(channels: Channels) -> None:
    found = fit_newcomers(channels, NOBODY, clicks(channels, first(N_USERS)), NOTHING_SEEN, ALLOWED)
    assert found.weights[HOT] > 1 > 0.2 > abs(found.weights[DSSM])


def test_a_slice_without_clicks_leaves_the_recall_model_alone(channels: Channels) -> None:
    assert fit_newcomers(channels, first(5), NOTHING_SEEN, NOTHING_SEEN, ALLOWED) is DSSM_ALONE


def test_a_prior_holds_where_choices_say_nothing_and_gives_way_to_many() -> None:
    features = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 50.0])
    user = torch.arange(1000).repeat_interleave(4)
    clicked = torch.zeros(4000, dtype=torch.bool)
    clicked[torch.arange(1000) * 4 + (features[:, 0] * 9).view(-1, 4).argmax(1)] = True
    prior = torch.tensor([-2.0, 0.03])
    few = Choices(features[:4], user[:4], torch.ones(4, dtype=torch.bool), 1)
    torch.testing.assert_close(fit_conditional_logit(few, prior, 1e6), prior, atol=1e-3, rtol=0)
    many = fit_conditional_logit(Choices(features, user, clicked, 1000), prior, 10.0)
    assert many[0] > 2
    constant = torch.ones(4, 2)
    assert fit_conditional_logit(Choices(constant, user[:4], torch.ones(4, dtype=torch.bool), 1), prior).tolist() == [0, 0]


def test_users_without_a_past_and_without_an_id_are_all_alike_in_a_shop_without_tags() -> None:
    """What the newcomers' blend is learned on: users 1 to 3 have a history and an id that the model knows, and neither may show."""
    learned_rows = [(user, item, item % 2, item) for user in (1, 2, 3) for item in (4, 5, 6, 7)]
    slice_rows: list[Any] = [(1, 7, 1, 30), (2, 8, 1, 31), (3, 9, 1, 32), (4, 9, 1, 33)]
    shop = hand_shop(5, 20, learned_rows + slice_rows, [(1, 2, 1, 90)])
    rows = log_rows(learned_rows)
    inputs = inputs_for(shop.users, shop.items, rows.user, np.arange(21, dtype=np.int32), shop.map_size, min_count=1)
    asked, model = Validation(shop, rows, log_rows(slice_rows)), dssm_for(inputs)
    items = torch.zeros(21, 7)
    unknown = asked.by_tags(model, inputs, items)
    assert len(unknown) == 4
    torch.testing.assert_close(unknown, unknown[:1].expand(4, -1))
    blend, _ = asked.blend(model, inputs)
    assert blend.newcomers is not None
    assert set(blend.newcomers) == {"dssm", "hot", "lately_hot"}
    assert {"i2i", "in_vain"} <= set(blend.weights)
