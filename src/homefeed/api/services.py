"""What the routes stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from homefeed.serving.health import Health
from homefeed.serving.pipeline import RecommendPipeline


@dataclass(frozen=True, slots=True)
class Services:
    """``ready``: called before each request; makes sure, once a process, that a release is loaded and watched."""

    pipeline: RecommendPipeline
    health: Callable[[], Health]
    ready: Callable[[], None]
