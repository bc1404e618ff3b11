"""Named shops: ``base``, and others that turn one thing."""

from __future__ import annotations

from typing import Any

from homefeed.simulation.shop.settings import SimulationSettings

Values = dict[str, dict[str, Any]]

PRESETS: dict[str, Values] = {
    "base": {},
    "sparse": {"shop": {"lists": 13_200}},
    "drift": {"shop": {"trend": 0.6, "fashion": 0.5, "taste_drift": 0.3, "launching_share": 0.5}},
    "position-bias": {"shop": {"position_bias": 0.8}, "logging": {"columns": ("position", "propensity")}},
    "session-taste": {"shop": {"mood": 0.9, "mood_memory": 0.8, "personal_taste": 0.5}},
    "personal-taste": {"shop": {"personal_taste": 1.2, "tag_taste": 0.35, "item_part": 0.6}},
}


def preset(name: str) -> SimulationSettings:
    """Raises ``KeyError`` for a name that is none."""
    return SimulationSettings.model_validate(PRESETS[name])
