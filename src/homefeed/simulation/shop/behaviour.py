"""What visitors do with the lists they are shown: look, click, order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homefeed.simulation.shop.dice import Doubles, Stream, uniforms
from homefeed.simulation.shop.shop import Bools, Shop, sigmoid
from homefeed.simulation.shop.visits import Visits
from homefeed.simulation.world import Ints


@dataclass(frozen=True, slots=True)
class Response:
    """[V, K] each. ``p_click``: true probability of a click where the item stands; ``p_order``: of an order once it is clicked."""

    p_click: Doubles
    p_order: Doubles
    click: Bools
    order: Bools


def respond(shop: Shop, visits: Visits, slates: Ints) -> Response:
    """``slates`` int64[V, K]: rows of the shop's items, best place first.

    Common random numbers: whether a visitor looks at a place depends on visit and place alone, whether a look becomes a click or a click an order on visit
    and item alone. So two policies that show the same item in the same place of the same visit get the same answer.
    """
    match = shop.match(visits.user, slates, visits.day)
    liked = sigmoid(shop.click_from_match(match, visits.user, slates, visits.day)).astype(np.float64)
    p_order = sigmoid(shop.order_from_match(match, slates)).astype(np.float64)
    looks, visit = shop.looks()[: slates.shape[1]], visits.number[:, None]
    looked = uniforms(shop.seed, Stream.LOOK, visit, np.arange(slates.shape[1])[None]) < looks
    click = looked & (uniforms(shop.seed, Stream.CLICK, visit, slates) < liked)
    order = click & (uniforms(shop.seed, Stream.ORDER, visit, slates) < p_order)
    return Response(liked * looks, p_order, click, order)
