"""The channels by name, for who must not reach torch or scipy."""

from __future__ import annotations

DSSM, HOT, LATELY_HOT, ITEM_TO_ITEM, VIEWED_TOGETHER, AGAIN, IN_VAIN = "dssm", "hot", "lately_hot", "i2i", "viewed", "again", "in_vain"
CHANNELS = (DSSM, HOT, LATELY_HOT, ITEM_TO_ITEM, VIEWED_TOGETHER, AGAIN, IN_VAIN)
BLEND, NEWCOMERS = "blend", "blend_newcomers"
"""Where a recall model's configuration keeps the channels' weights: everybody's, and those for who has done nothing yet."""
RECENT_EVENTS = 20.0
"""An event counts e^-1 when so many came after it."""
