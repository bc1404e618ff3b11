"""Every user's and every item's vector under a fitted recall model."""

from __future__ import annotations

import torch
from torch import Tensor

from homefeed.features.entities import EntityTable
from homefeed.models.dssm import DSSM
from homefeed.models.inputs import inputs_of
from homefeed.models.weights import ModelWeights


def entity_vectors(weights: ModelWeights, users: EntityTable, items: EntityTable) -> tuple[Tensor, Tensor]:
    """(f32[U, V], f32[N, V]), aligned with the tables; row 0 is the unknown entity's."""
    model = DSSM.from_weights(weights)
    inputs = inputs_of(weights, users, items)
    with torch.inference_mode():
        return model.user_vectors(inputs.users), model.item_vectors(inputs.items)
