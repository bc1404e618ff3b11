"""What goes in and comes out of the serving pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["recall", "rank"]


@dataclass(frozen=True, slots=True)
class Request:
    """One question for a slate. ``tags`` are those of a guest whom the shop knows by nothing else: one value or several of each, in their order.

    ``recent``: raw ids of items that this visitor has clicked since the log was written, oldest first; each text is one id, or several with commas between.
    """

    request_id: str
    uid: str
    top_k: int
    offset: int = 0
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlateItem:
    """``position`` counts from 1 over all pages of the release's order. ``score`` sorts the slate; ``p_click`` is the chance of a click, 0 unranked.

    ``p_order``: the chance of an order once it is clicked; None unranked, and where the release knows no orders.
    """

    item_id: str
    score: float
    position: int
    source: str
    p_click: float = 0.0
    p_order: float | None = None


@dataclass(frozen=True, slots=True)
class Slate:
    """The list returned. ``degraded`` names the parts that could not do their work.

    ``is_short``: fewer items than were asked for, though the page lies within what is ranked. ``seconds``: what each step took, by name, in order.
    """

    request_id: str
    uid: str
    stage: Stage
    items: tuple[SlateItem, ...]
    is_cold_start: bool
    release: str
    degraded: tuple[str, ...] = ()
    is_short: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
