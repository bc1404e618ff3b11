"""Whether this process can answer: it has made a slate."""

from __future__ import annotations

from homefeed.core.slate import Request
from homefeed.serving.pipeline import RecommendPipeline
from homefeed.serving.visits import NoReleaseError

_NOBODY = "\x00"
"""A uid that no user can have."""


class WarmUp:
    """The first slate of a process is its slowest, so it is made for nobody. Once made, this stays true: a release is never unloaded."""

    def __init__(self, pipeline: RecommendPipeline) -> None:
        self._pipeline = pipeline
        self._is_done = False

    def is_done(self) -> bool:
        """Tries, where it has not been done: false as long as there is no release."""
        if not self._is_done:
            try:
                self._pipeline.recommend(Request("warm-up", _NOBODY, 10))
            except NoReleaseError:
                return False
            self._is_done = True
        return True
