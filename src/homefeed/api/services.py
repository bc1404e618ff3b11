"""What the routes stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from homefeed.api.slate_log import SlateLog
from homefeed.api.telemetry import Telemetry
from homefeed.core.slate import Slate
from homefeed.serving.health import Health
from homefeed.serving.pipeline import RecommendPipeline


@dataclass(frozen=True, slots=True)
class Services:
    """``start``: called before each request that needs a release; makes sure, once a process, that one is loaded and watched.
    ``is_warm``: whether this process has made a slate. ``metrics``: the text for Prometheus. ``slate_log``: None where it is off.
    """

    pipeline: RecommendPipeline
    health: Callable[[], Health]
    start: Callable[[], None]
    is_warm: Callable[[], bool]
    telemetry: Telemetry
    metrics: Callable[[], bytes]
    slate_log: SlateLog | None = None

    def shown(self, slate: Slate) -> None:
        """A slate was answered to somebody who sees it."""
        if self.slate_log is not None:
            self.slate_log.add(slate)
